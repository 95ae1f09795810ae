if SIMULATED:

    rule crystal:
        input:
            crystal_file(),
        output:
            atoms=f"{RESULTS}/crystal/atoms.xyz",
            checks=f"{RESULTS}/crystal/checks.json",
        log:
            f"{RESULTS}/logs/crystal.log",
        benchmark:
            f"{RESULTS}/benchmarks/crystal.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("crystal")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("crystal")) * attempt,
        params:
            settings=settings("crystal", "scan", "detector"),
            seed=STUDY.seeds[0],
            code=[
                code_digest("study.sample"),
                code_digest("simulation.dislocation_checks"),
            ],
        script:
            "../scripts/crystal.py"
