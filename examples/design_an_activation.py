"""Design an activation from three points of its gradient, prove what it is, print its code."""

import rescu_cli as rescu

card = rescu.derive(knots="-1:0, 0:0.3, 1:1", interpolation="pchip", name="mine")
for piece in card.activation.pieces:
    print(f"{piece.lower} .. {piece.upper}:  f = {piece.value}")
for claim in card.certificate.claims:
    print(f"{claim.claim:20} {claim.to_dict()['status']:10} {claim.to_dict()['value'] or ''}")
print("gain for initialisation:", card.gain)
