"""What people see: tables, pages, figures, archives."""
