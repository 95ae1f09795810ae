"""Inputs mutated at random: each is read rightly, or refused in one sentence.

``python -m tests.fuzz --count 5000`` runs many, from the folder of the checkout.
"""
