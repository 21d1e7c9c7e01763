// Retrieved layers: of the middle only chosen tokens are seen.
#define VALUES_CODED 0
#include "chosen.cuh"
