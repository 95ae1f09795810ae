"""Where the files of a study are, with Snakemake's wildcards where there are several of a kind."""

from collections.abc import Iterable

from ptychobasis.core.errors import StudyError
from ptychobasis.core.variant import Variant
from ptychobasis.study.schema import Study


class Paths:
    """Files of a study, relative to the folder of the run.

    Names with ``{seed}`` and the like are patterns that Snakemake fills in.

    Args:
        study: Configuration.

    Attributes:
        results: Folder of the study.
        seed: Folder of what depends on the seed.
        data: Folder of the data; a ready data set is the same for every seed.
        dataset: Diffraction patterns.
        counts: The same with the dose of a sweep.
        doses: Dose [electrons/Å²] by its name in `counts`.
        variants: All reconstructions.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self.results = f"results/{study.study}"
        self.seed = f"{self.results}/seed_{{seed}}"
        self.data = self.seed if study.is_simulated else self.results
        given = study.dataset.file
        self.dataset = f"{self.data}/dataset.h5" if given is None else str(given)
        self.counts = f"{self.seed}/counts/{{dose}}.h5"
        self.doses = {f"{dose:.12g}".replace("+", ""): dose for dose in study.doses()}
        self.variants = study.variants()

    def of_first_seed(self, path: str) -> str:
        """The file of the first seed, which is drawn where one stands for all."""
        return path.replace("{seed}", str(self._study.seeds[0]))

    def of_all_seeds(self, *paths: str) -> list[str]:
        """The files of every seed: all seeds of the first path, then of the next."""
        seeds = self._study.seeds
        return [path.replace("{seed}", str(seed)) for path in paths for seed in seeds]

    def compressed(self, variant: Variant) -> str:
        """The compressed file of a variant, with the seed still open; others may share it."""
        return f"{self.data}/compressed/{self._study.stored_by(variant)}.h5"

    def reconstruction(self, variant: Variant) -> str:
        """The reconstruction of a variant, with the seed still open."""
        return f"{self.seed}/reconstructions/{variant}.h5"

    def reconstructions(self, variants: Iterable[Variant]) -> list[str]:
        """Reconstructions of some variants, with the seed still open."""
        return [self.reconstruction(variant) for variant in variants]

    def patterns_of(self, sweep: str, seed: str) -> str:
        """Patterns that a sweep is compressed from: the data set, or counts of its own dose.

        Args:
            sweep: Name of the sweep.
            seed: Seed; empty for a ready data set.
        """
        wanted = self._study.sweeps[sweep].dose_electrons_per_angstrom2
        for name, dose in self.doses.items():
            if dose == wanted:
                return self.counts.format(seed=seed, dose=name)
        return self.dataset.replace("{seed}", seed)

    def counts_of(self, dose: str, seed: str) -> str:
        """Patterns with one of the doses."""
        return self.counts.format(seed=seed, dose=dose)

    def masks(self, sweeps: Iterable[str] | None = None) -> list[str]:
        """Anyone's own masks that some sweeps use; of all sweeps by default."""
        names = self._study.sweeps if sweeps is None else sweeps
        paths = {self._study.sweeps[name].masks_file for name in names} - {None}
        return sorted(map(str, paths))

    def structure(self) -> list[str]:
        """The structure file of the crystal, if it comes from one."""
        crystal = self._study.crystal
        return [str(crystal.file.path)] if crystal and crystal.file else []

    def tables(self) -> list[str]:
        """Tables of the study and the page of claims."""
        names = ["fsc.csv", "summary.csv", "summary.html"]
        names += ["depth.csv"] * self._study.resolves_depth
        paths = [f"{self.results}/tables/{name}" for name in names]
        return [*paths, f"{self.results}/claims.csv", f"{self.results}/claims.html"]

    def figure(self, name: str) -> list[str]:
        """One figure in every format; the first goes into the report.

        Raises:
            StudyError: The study has no such figure.
        """
        if name not in self.figure_names():
            raise StudyError(f"no figure '{name}'; allowed: {', '.join(self.figure_names())}")
        return [f"{self.results}/figures/{name}.{each}" for each in self._study.figures.formats]

    def figures(self) -> list[str]:
        """All figures in every format."""
        return [path for name in self.figure_names() for path in self.figure(name)]

    def figure_names(self) -> list[str]:
        """Names of the figures that this study can fill."""
        study = self._study
        return [
            *("masks", "fsc", "slices", "quality"),
            *["rate"] * study.asks_for_bytes,
            *["depth"] * study.resolves_depth,
            *["probe"] * bool(study.drawn_probes()),
            *["claims"] * (len(study.plain_sweeps()) < len(study.sweeps)),
        ]
