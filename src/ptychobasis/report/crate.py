"""The export: results with their configuration, versions and hashes as one RO-Crate.

An RO-Crate (https://www.researchobject.org/ro-crate) is a folder, here zipped, whose
``ro-crate-metadata.json`` says in linked data what each file is. Repositories such as Zenodo take
it as it is.
"""

import hashlib
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import yaml
from rocrate.model import ContextEntity, SoftwareApplication
from rocrate.rocrate import ROCrate

from ptychobasis.data.atomic import atomic
from ptychobasis.study.schema import Study

_TYPES = {
    ".csv": "text/csv",
    ".h5": "application/x-hdf5",
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
}
_LICENCE = "https://spdx.org/licenses/MIT"
_ABOUT = (
    "Electron ptychography from few numbers per diffraction pattern: configuration, tables, "
    "figures and reconstructions of one study. Figures are redrawn from these files by 'snakemake "
    "--snakefile path/to/ptychobasis/workflow/redraw.smk --cores 1 --forceall'; the patterns are "
    "not in here, config.yaml computes them again."
)


def write_crate(
    path: str | Path, study: Study, files: Iterable[Path], versions: Iterable[tuple[str, str]]
) -> None:
    """Pack files of a study, which keep their places relative to the working folder.

    Args:
        path: of the zip file.
        study: the configuration, which goes in as ``config.yaml``.
        files: what to pack; what lies outside of the working folder goes to ``given``.
        versions: name and version of all software that made them.
    """
    crate = ROCrate(gen_preview=True)
    crate.name = f"ptychobasis study '{study.study}'"
    crate.description = _ABOUT
    licence = ContextEntity(crate, _LICENCE, {"@type": "CreativeWork", "name": "MIT"})
    crate.license = crate.add(licence)
    whole = study.model_dump(mode="json")
    for name, sweep in study.sweeps.items():  # what a sweep leaves to the study, it still does
        own = sweep.reconstruction.model_dump(mode="json", exclude_unset=True)
        whole["sweeps"][name]["reconstruction"] = own
    text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
    about = _about(text.encode(), ".yaml")
    config = crate.add_file(StringIO(text), "config.yaml", properties=about)
    packed = [
        crate.add_file(file, _place(file), properties=_about(file.read_bytes(), file.suffix))
        for file in files
    ]
    software = [
        crate.add(
            SoftwareApplication(
                crate, f"#{name}-{version}", {"name": name, "softwareVersion": version}
            )
        )
        for name, version in versions
    ]
    crate.add_action(software, "#study", object=config, result=packed)
    with atomic(path) as temporary:
        crate.write_zip(temporary)


def _about(content: bytes, suffix: str) -> dict[str, str]:
    """Size, hash and type of a file."""
    known = {"encodingFormat": _TYPES[suffix]} if suffix in _TYPES else {}
    digest = hashlib.sha256(content).hexdigest()
    return {"contentSize": str(len(content)), "sha256": digest, **known}


def _place(file: Path) -> Path:
    inside = not file.is_absolute() and ".." not in file.parts
    return file if inside else Path("given") / file.name
