if SIMULATED:

    rule simulate_phonon:
        input:
            atoms=f"{RESULTS}/crystal/atoms.xyz",
        output:
            patterns=f"{RESULTS}/simulation/phonon_{{phonon}}.h5",
        log:
            f"{RESULTS}/logs/simulate/phonon_{{phonon}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/simulate/phonon_{{phonon}}.tsv"
        conda:
            "../../envs/study.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: simulation_memory(attempt),
            runtime=lambda wildcards, attempt: 240 * attempt,
        params:
            settings=simulation_settings(),
            code=[code_digest("plan"), code_digest("simulation")],
        script:
            "../scripts/simulate_phonon.py"

    rule average_phonons:
        input:
            configurations=expand(
                f"{RESULTS}/simulation/phonon_{{phonon}}.h5",
                phonon=range(CONFIGURATIONS),
            ),
        output:
            dataset=DATASET,
        log:
            f"{RESULTS}/logs/average_phonons.log",
        benchmark:
            f"{RESULTS}/benchmarks/average_phonons.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: simulation_memory(attempt),
            runtime=lambda wildcards, attempt: 60 * attempt,
        params:
            dose=STUDY.simulation.dose_electrons_per_angstrom2,
            seed=STUDY.seed,
            code=code_digest("ensemble"),
        script:
            "../scripts/average_phonons.py"


rule check_dataset:
    input:
        dataset=DATASET,
    output:
        checks=f"{RESULTS}/dataset_checks.json",
    log:
        f"{RESULTS}/logs/check_dataset.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_dataset.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        code=code_digest("dataset"),
    script:
        "../scripts/check_dataset.py"
