// Refined layers: all tokens are seen by their codes but those that are chosen.
#define VALUES_CODED 1
#include "chosen.cuh"
