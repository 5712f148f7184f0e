"""A tokenizer, its output, configurations, and what generates from them. Nothing is downloaded."""

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BatchEncoding, BertConfig, GenerationConfig, PreTrainedTokenizerFast, TrainerControl

words = {"[UNK]": 0, "[PAD]": 1, "a": 2, "small": 3, "model": 4}
raw = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
raw.pre_tokenizer = pre_tokenizers.Whitespace()
tok = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]", pad_token="[PAD]")
enc = tok(["a small model", "a house"], padding=True)
config = BertConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=1, id2label={0: "no", 1: "yes"})
generation = GenerationConfig(max_new_tokens=5, temperature=0.7, do_sample=True)
control = TrainerControl(should_save=True)

CHECKS = {
    "raw": "raw.encode('a small house').ids, raw.to_str()",
    "tok": "tok('a model').input_ids, tok.pad_token, tok.decode([2, 3]), len(tok)",
    "enc": "type(enc).__name__, enc['input_ids'], enc['attention_mask'], enc.tokens(1)",
    "config": "config.to_json_string(), config.id2label",
    "generation": "generation.to_json_string()",
    "control": "control.state()",
}
