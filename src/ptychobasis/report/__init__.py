"""Everything that people see: tables, pages, figures, archives."""
