"""The methods: each one way to learn from unlabelled images; `roster` names them all."""
