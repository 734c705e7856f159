"""How much do models differ that were trained alike? A small run on real data."""

import rescu_cli as rescu

report = rescu.compare(["relu", "smelu:beta=1"], seeds=6, epochs=5, out="run")
for result in report.activations:
    pd = result.pd["pd_l1"]
    print(f"{result.activation:14} accuracy {result.score.mean:.3f}  pd_l1 {pd.value:.4f} {pd.ci}")
for line in report.advice:
    print("-", line)
