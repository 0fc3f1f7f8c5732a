"""Chat, memory and offline models, embeddings, token counts. No stores, no graph."""
