"""How few numbers per diffraction pattern does electron ptychography need?

The public names stand in ``__init__.pyi``. Each is imported when it is first used, so that
``import ptychobasis`` takes no time.
"""

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

try:
    __version__ = version("ptychobasis")
except PackageNotFoundError:  # imported from a checkout that is not installed
    __version__ = "0+uninstalled"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
