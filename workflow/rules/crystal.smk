if SIMULATED:

    rule crystal:
        """Build the sample and check it."""
        input:
            structure=PATHS.structure(),
        output:
            atoms=f"{PATHS.results}/crystal/atoms.xyz",
            checks=f"{PATHS.results}/crystal/checks.json",
        log:
            f"{PATHS.results}/logs/crystal.log",
        benchmark:
            f"{PATHS.results}/benchmarks/crystal.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("crystal")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("crystal")) * attempt,
        params:
            settings=parameters.sample(STUDY),
            seed=STUDY.seeds[0],
            given=outside(*PATHS.structure()),
            code=code("crystal"),
        message:
            "Build the sample"
        script:
            "../scripts/crystal.py"
