"""What a trained network predicts: outputs, embeddings, ensembles."""
