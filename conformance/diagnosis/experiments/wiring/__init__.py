"""What each layer and direction of a network takes, and where what it gives goes, found from answers and gradients."""

from conformance.diagnosis.experiments.wiring.search import find_wiring as find_wiring
