"""A model tried out before it is served: what `tacit models check` tells its author.

rehearsal = rehearse(Path("my_model.py"), fits=20)
for finding in rehearsal.findings:
    print(finding.mark, finding.text)
"""

from model_registry.rehearsal.calibration import Calibration
from model_registry.rehearsal.findings import Finding
from model_registry.rehearsal.prior import PriorDraws
from model_registry.rehearsal.rehearse import Rehearsal, rehearse

__all__ = ["Calibration", "Finding", "PriorDraws", "Rehearsal", "rehearse"]
