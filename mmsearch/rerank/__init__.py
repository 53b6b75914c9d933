"""Cross encoders that read words and picture regions together, to rerank first results."""
