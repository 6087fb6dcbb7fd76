"""How a model is served: the HTTP service, bulk tagging and the commands that people run.

Imports `models`; never `training`, never scikit-learn.
"""
