if SIMULATED:

    rule simulate_phonon:
        input:
            atoms=f"{RESULTS}/crystal/atoms.xyz",
        output:
            patterns=f"{SEED}/simulation/phonon_{{phonon}}.h5",
        log:
            f"{SEED}/logs/simulate/phonon_{{phonon}}.log",
        benchmark:
            f"{SEED}/benchmarks/simulate/phonon_{{phonon}}.tsv"
        conda:
            "../../envs/study.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("simulate_phonon")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("simulate_phonon")) * attempt,
        params:
            settings=simulation_settings(),
            code=[code_digest("study.sample"), code_digest("simulation.abtem_scan")],
        script:
            "../scripts/simulate_phonon.py"

    rule average_phonons:
        input:
            configurations=expand(
                f"{SEED}/simulation/phonon_{{phonon}}.h5",
                phonon=range(CONFIGURATIONS),
                allow_missing=True,
            ),
        output:
            dataset=DATASET,
        log:
            f"{SEED}/logs/average_phonons.log",
        benchmark:
            f"{SEED}/benchmarks/average_phonons.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("average_phonons")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("average_phonons")) * attempt,
        params:
            dose=STUDY.simulation.dose_electrons_per_angstrom2,
            code=code_digest("simulation.average"),
        script:
            "../scripts/average_phonons.py"

    rule count_electrons:
        input:
            dataset=DATASET,
        output:
            counts=COUNTS,
        log:
            f"{SEED}/logs/count_electrons/{{dose}}.log",
        benchmark:
            f"{SEED}/benchmarks/count_electrons/{{dose}}.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("count_electrons")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("count_electrons")) * attempt,
        params:
            dose=lambda wildcards: DOSES[wildcards.dose],
            code=[code_digest("simulation.noise"), code_digest("study.sample")],
        script:
            "../scripts/count_electrons.py"


rule check_dataset:
    input:
        dataset=DATASET,
    output:
        checks=f"{DATA}/dataset_checks.json",
    log:
        f"{DATA}/logs/check_dataset.log",
    benchmark:
        f"{DATA}/benchmarks/check_dataset.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: memory(Job("check_dataset")) * attempt,
        runtime=lambda wildcards, attempt: minutes(Job("check_dataset")) * attempt,
    params:
        code=code_digest("data.dataset"),
    script:
        "../scripts/check_dataset.py"
