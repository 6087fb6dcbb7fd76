"""How a model is made: labelled corpus, fit, calibration, evaluation, release.

Imports `models`; never `service`.
"""
