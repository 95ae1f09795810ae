if SIMULATED:

    rule simulate_phonon:
        """Simulate the patterns of one frozen-phonon configuration."""
        input:
            atoms=f"{PATHS.results}/crystal/atoms.xyz",
        output:
            patterns=f"{PATHS.seed}/simulation/phonon_{{phonon}}.h5",
        log:
            f"{PATHS.seed}/logs/simulate/phonon_{{phonon}}.log",
        benchmark:
            f"{PATHS.seed}/benchmarks/simulate/phonon_{{phonon}}.tsv"
        conda:
            "../../envs/study.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("simulate_phonon")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("simulate_phonon")) * attempt,
        params:
            settings=parameters.simulation(STUDY),
            device=lambda wildcards, threads: STUDY.simulation.device,
            code=code("simulate_phonon"),
        message:
            "Simulate the patterns of phonon configuration {wildcards.phonon}, seed {wildcards.seed}"
        script:
            "../scripts/simulate_phonon.py"

    rule average_phonons:
        """Average the phonon configurations and add the noise of the dose."""
        input:
            configurations=expand(
                f"{PATHS.seed}/simulation/phonon_{{phonon}}.h5",
                phonon=range(CONFIGURATIONS),
                allow_missing=True,
            ),
        output:
            dataset=PATHS.dataset,
        log:
            f"{PATHS.seed}/logs/average_phonons.log",
        benchmark:
            f"{PATHS.seed}/benchmarks/average_phonons.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("average_phonons")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("average_phonons")) * attempt,
        params:
            dose=STUDY.simulation.dose_electrons_per_angstrom2,
            scan=keys("scan"),
            about=lambda wildcards, threads: parameters.recording(STUDY),
            code=code("average_phonons"),
        message:
            "Average the phonon configurations, seed {wildcards.seed}"
        script:
            "../scripts/average_phonons.py"

    rule count_electrons:
        """Record a data set without noise anew, with the dose of a sweep."""
        input:
            dataset=PATHS.dataset,
        output:
            counts=PATHS.counts,
        log:
            f"{PATHS.seed}/logs/count_electrons/{{dose}}.log",
        benchmark:
            f"{PATHS.seed}/benchmarks/count_electrons/{{dose}}.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("count_electrons")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("count_electrons")) * attempt,
        params:
            dose=lambda wildcards: PATHS.doses[wildcards.dose],
            scan=keys("scan"),
            code=code("count_electrons"),
        message:
            "Count electrons at {wildcards.dose} electrons/Å², seed {wildcards.seed}"
        script:
            "../scripts/count_electrons.py"


rule check_dataset:
    """Read every pattern once and refuse what cannot be reconstructed."""
    input:
        dataset=PATHS.dataset,
    output:
        checks=f"{PATHS.data}/dataset_checks.json",
    log:
        f"{PATHS.data}/logs/check_dataset.log",
    benchmark:
        f"{PATHS.data}/benchmarks/check_dataset.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: memory(Job("check_dataset")) * attempt,
        runtime=lambda wildcards, attempt: minutes(Job("check_dataset")) * attempt,
    params:
        mask_flaws=STUDY.dataset.mask_flaws,
        intensity_scale=STUDY.dataset.intensity_scale,
        given=given_dataset,
        code=code("check_dataset"),
    message:
        "Check every pattern of {input.dataset}"
    script:
        "../scripts/check_dataset.py"
