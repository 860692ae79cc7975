"""Models on whole images: windows, answers in the patient's space, features, and the two verbs."""
