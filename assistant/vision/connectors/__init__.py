"""From what an encoder saw to embeddings that a language model reads; one way to each file."""
