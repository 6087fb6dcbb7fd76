"""What a model is: topics, segmenter, features, scorer, decisions, release, registry.

Imports neither `training` nor `service`; both of them import it.
"""
