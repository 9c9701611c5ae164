"""Reads command lines with vLLM's own parser and checks; run in vLLM's environment, not in ours.

JSON in: a list of lists of words, each what follows `vllm serve`. JSON out, last line: what the parser made of each.
"""

from __future__ import annotations

import json
import sys
from typing import Any

TOLD = (
    "host", "port", "quantization", "kv_cache_dtype", "enable_prefix_caching", "max_model_len", "max_num_seqs",
    "gpu_memory_utilization", "generation_config", "limit_mm_per_prompt", "allowed_media_domains", "tensor_parallel_size",
    "pipeline_parallel_size", "distributed_executor_backend", "enable_prompt_embeds", "trust_remote_code", "allowed_local_media_path",
    "api_key",
)  # fmt: skip


def parsed(lines: list[list[str]]) -> list[dict[str, Any]]:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = make_arg_parser(FlexibleArgumentParser())
    made = []
    for words in lines:
        given = parser.parse_args(words)
        validate_parsed_serve_args(given)
        structured = given.structured_outputs_config
        told = {name: getattr(given, name) for name in TOLD}
        made.append(
            told | {"model": given.model_tag, "backend": structured.backend, "terse": structured.disable_any_whitespace}
        )
    return made


if __name__ == "__main__":
    print(json.dumps(parsed(json.load(sys.stdin)), default=str))
