// The orthonormal Hadamard matrix in Sylvester's order, on blocks of the largest power of two that divides the length: its own inverse.
#pragma once
#include "prelude.cuh"

// Turns a row in shared memory, by all threads of a block, which have all written it; after it all may read it.
__device__ __forceinline__ void rotateBlock(float* row, int length, int threads) {
    int block = length & -length;
    for (int half = 1; half < block; half *= 2) {
        for (int pair = threadIdx.x; pair < length / 2; pair += threads) {
            int first = pair / half * 2 * half + pair % half;
            float x = row[first], y = row[first + half];
            row[first] = x + y;
            row[first + half] = x - y;
        }
        __syncthreads();
    }
    float scale = 1 / sqrtf((float)block);
    for (int c = threadIdx.x; c < length; c += threads) row[c] *= scale;
    __syncthreads();
}

// The same by one warp.
__device__ __forceinline__ void rotateWarp(float* row, int length) {
    int block = length & -length, lane = threadIdx.x % WARP;
    for (int half = 1; half < block; half *= 2) {
        for (int pair = lane; pair < length / 2; pair += WARP) {
            int first = pair / half * 2 * half + pair % half;
            float x = row[first], y = row[first + half];
            row[first] = x + y;
            row[first + half] = x - y;
        }
        __syncwarp();
    }
    float scale = 1 / sqrtf((float)block);
    for (int c = lane; c < length; c += WARP) row[c] *= scale;
    __syncwarp();
}
