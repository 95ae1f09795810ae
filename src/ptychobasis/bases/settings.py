"""Keys of the configuration: who compresses."""

from typing import Annotated

from pydantic import Field

from ptychobasis.core.section import Section


class Compression(Section):
    """Who compresses patterns."""

    dask_scheduler: Annotated[str, Field(pattern=r"^(tcp|tls|ucx)://\S+:\d+$")] | None = None
    """A running dask scheduler, as tcp://host:8786, whose workers compress; null: the job alone."""
