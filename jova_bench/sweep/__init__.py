"""Runs sweeps: arms of one model that differ in a setting, trained and scored alike, each compared with the base arm.

`spec` reads what to vary, `model` defines what a model offers, `plan` identifies arms by digests of all settings,
`work` trains and scores what is missing, `claims` compares, `results` shows.
"""
