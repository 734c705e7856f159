"""What a certificate carries so that a claim can be checked again without searching.

A claim is reduced to *obligations*: small statements about expressions, each of which one engine
discharges and a replay checks. The reduction is a theorem per claim (docs/proofs/evidence.md); it
is carried out anew from the activation whenever a certificate is replayed, so that evidence about
other statements is refused.
"""
