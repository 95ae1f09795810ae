"""Keys of the study that a rule depends on beside its files and its code, as plain values.

Snakemake reruns a rule when one of its parameters changes. Each rule therefore gets the keys that
its script uses and no others, and its script makes the settings of its room from them. Keys that
say how to compute and change no result (`MACHINE`) are given in a way that Snakemake does not
compare: by a function that asks for ``threads`` too.
"""

from typing import Any

from ptychobasis.study.schema import Study

Plain = dict[str, Any]

# keys that change no result
MACHINE = {"device", "checkpoint_seconds"}


def microscope(study: Study) -> Plain:
    """Keys of the microscope and of the detector."""
    return _blocks(study, "microscope", "detector")


def sample(study: Study) -> Plain:
    """Keys of the crystal, and those that its size depends on."""
    return _blocks(study, "crystal", "scan", "detector")


def simulation(study: Study) -> Plain:
    """Keys of the simulation; noise and the number of configurations come afterwards."""
    chosen = _blocks(study, "microscope", "scan", "detector", "simulation")
    for key in (*MACHINE, "dose_electrons_per_angstrom2"):
        chosen["simulation"].pop(key, None)
    del chosen["simulation"]["frozen_phonons"]["configurations"]
    return chosen


def recording(study: Study) -> Plain:
    """How a data set came about, which is kept in its file."""
    others = {"seeds", "sweeps", "reconstruction", "figures"}
    return study.model_dump(mode="json", exclude=others)


def stored(study: Study, sweep: str) -> Plain:
    """Keys that decide how a sweep is compressed."""
    return study.sweeps[sweep].model_dump(mode="json", exclude={"reconstruction", "sizes"})


def reconstruction(study: Study, sweep: str) -> Plain:
    """Keys of a reconstruction, with those that the sweep sets differently."""
    return study.recon(sweep).model_dump(mode="json", exclude=MACHINE)


def machine(study: Study, sweep: str) -> Plain:
    """Keys of a reconstruction that change no result."""
    return study.recon(sweep).model_dump(mode="json", include=MACHINE)


def storage(study: Study) -> dict[str, tuple[str, float | None]]:
    """Type of the stored numbers and dose [electrons/Å²] of every sweep."""
    return {
        name: (sweep.store, sweep.dose_electrons_per_angstrom2)
        for name, sweep in study.sweeps.items()
    }


def question(study: Study) -> Plain:
    """All keys that a user gave and that may change a result."""
    aside: Any = {
        "compression": True,
        "simulation": MACHINE,
        "reconstruction": MACHINE,
        "sweeps": {name: {"reconstruction": MACHINE} for name in study.sweeps},
    }
    return study.model_dump(mode="json", exclude_unset=True, exclude=aside)


def bases(study: Study) -> list[str]:
    """Names of the bases that the sweeps use."""
    return sorted({sweep.basis for sweep in study.sweeps.values()})


def _blocks(study: Study, *names: str) -> Plain:
    return study.model_dump(mode="json", include=set(names))
