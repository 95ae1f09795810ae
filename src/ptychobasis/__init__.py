"""How few numbers per diffraction pattern does electron ptychography need?"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ptychobasis")
except PackageNotFoundError:  # imported from a checkout that is not installed
    __version__ = "0+uninstalled"
