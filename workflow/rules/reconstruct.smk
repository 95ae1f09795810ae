rule reconstruct:
    """Reconstruct the phase of each slice from a compressed file alone."""
    input:
        compressed=lambda wildcards: PATHS.compressed(
            Variant(wildcards.sweep, wildcards.size)
        ).replace("{seed}", wildcards.seed),
    output:
        reconstruction=f"{PATHS.seed}/reconstructions/{{sweep}}/{{size}}.h5",
    log:
        f"{PATHS.seed}/logs/reconstruct/{{sweep}}/{{size}}.log",
    benchmark:
        f"{PATHS.seed}/benchmarks/reconstruct/{{sweep}}/{{size}}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        gpu=1,
        processes=1,
        mem_mb=lambda wildcards, input, attempt: memory(
            reconstruction_job(wildcards, input)
        )
        * attempt,
        runtime=lambda wildcards, input, attempt: minutes(
            reconstruction_job(wildcards, input)
        )
        * attempt,
    params:
        settings=lambda wildcards: parameters.reconstruction(STUDY, wildcards.sweep),
        machine=lambda wildcards, threads: parameters.machine(STUDY, wildcards.sweep),
        checkpoint=f"{PATHS.seed}/checkpoints/{{sweep}}/{{size}}.pt",
        code=code("reconstruct"),
    message:
        "Reconstruct {wildcards.sweep}/{wildcards.size}, seed {wildcards.seed}"
    script:
        "../scripts/reconstruct.py"
