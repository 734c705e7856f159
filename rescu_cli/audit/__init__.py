"""Foreign code against an activation: is this the function it claims to be?"""
