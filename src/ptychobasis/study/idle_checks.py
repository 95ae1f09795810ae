"""Keys that would have no effect are refused: whoever sets one expects something of it."""

from collections.abc import Iterator

from ptychobasis.simulation.geometry import elements
from ptychobasis.study.schema import Study

_OF_A_JOINT_PROBE = ("probe_pull", "probe_step", "probe_start_epoch", "probe_band_limit")
_BETWEEN_SLICES = ("smoothness_along_beam", "strength_along_beam")


def probes(study: Study) -> Iterator[str]:
    """A joint probe moves, and a known one has no keys of a joint one."""
    for name, sweep in study.sweeps.items():
        keys = study.recon(name)
        if keys.probe == "joint" and keys.probe_start_epoch >= keys.epochs:
            yield (
                f"{study.owner(name, 'probe_start_epoch')} is {keys.probe_start_epoch} for the "
                f"joint probe of sweeps.{name}, which would never move; allowed: less than its "
                f"{keys.epochs} epochs"
            )
        for key in _OF_A_JOINT_PROBE:
            if keys.probe == "known" and key in sweep.reconstruction.model_fields_set:
                yield (
                    f"sweeps.{name}.reconstruction.{key} is given for a known probe, which stays "
                    "as it is; allowed: with probe: joint"
                )


def regularisation(study: Study) -> Iterator[str]:
    """Keys that act between slices have several, and zeros outside the masks have an outside."""
    for name, sweep in study.sweeps.items():
        keys = study.recon(name)
        for key in _BETWEEN_SLICES:
            given = key in keys.model_fields_set and getattr(keys, key)
            if given and len(keys.slice_depths_angstrom) == 1:
                yield (
                    f"{study.owner(name, key)} is {given:g} for the only slice of sweeps.{name}; "
                    "allowed: 0, or several slice_depths_angstrom"
                )
        step = keys.propagation_step_angstrom
        if isinstance(step, float) and len(keys.slice_depths_angstrom) == 1:
            yield (
                f"{study.owner(name, 'propagation_step_angstrom')} is {step:g} for the only slice "
                f"of sweeps.{name}, which acts once at its own depth; allowed: auto, null, or "
                "several slice_depths_angstrom"
            )
        own = sweep.reconstruction.model_fields_set
        if sweep.basis == "pixels" and "dark_field" in own and keys.dark_field != "none":
            yield (
                f"sweeps.{name}.reconstruction.dark_field is '{keys.dark_field}' for the basis "
                "'pixels', which leaves no pixel outside; allowed: none"
            )


def motion(study: Study) -> Iterator[str]:
    """Atoms that are there move, where several configurations are asked for."""
    if study.simulation is None or study.crystal is None:
        return
    phonons = study.simulation.frozen_phonons
    key = "simulation.frozen_phonons"
    if phonons.configurations > 1 and not any(phonons.sigma_angstrom.values()):
        yield (
            f"{key}.configurations is {phonons.configurations}, all alike, since every "
            "sigma_angstrom is 0; allowed: 1, or atoms that move"
        )
    there = elements(study.crystal)
    if study.crystal.substitution:
        there = there | {study.crystal.substitution.element}
    for symbol in phonons.sigma_angstrom:
        if symbol not in there:
            yield (
                f"{key}.sigma_angstrom.{symbol} is given; allowed: elements of the crystal, "
                f"{', '.join(sorted(there))} (null takes {symbol} away)"
            )


def repeated(study: Study) -> Iterator[str]:
    """Nothing is asked for twice."""
    for key, values in (
        ("seeds", study.seeds),
        ("figures.compare", study.figures.compare),
        ("figures.formats", study.figures.formats),
    ):
        if len(set(values)) < len(values):
            yield f"{key} is {list(values)}; allowed: each once"
