// Numbers of exact rows as they lie: bf16 or f32 (ELEMENT_BYTES).
#pragma once
#include "prelude.cuh"

#if ELEMENT_BYTES == 2
typedef unsigned short Element;
__device__ __forceinline__ Element elementOf(float x) { return floatToBrain(x); }
__device__ __forceinline__ float floatOf(Element x) { return brainToFloat(x); }
#else
typedef float Element;
__device__ __forceinline__ Element elementOf(float x) { return x; }
__device__ __forceinline__ float floatOf(Element x) { return x; }
#endif
