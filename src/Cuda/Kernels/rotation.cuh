// The orthonormal Hadamard matrix in Sylvester's order, on blocks of the largest power of two that divides the length: its own inverse.
#pragma once
#include "prelude.cuh"

// Turns a row in shared memory, by so many threads, of which this is one; they have all written it, and after it all may read it. barrier waits for all of them.
template <class Barrier> __device__ __forceinline__ void rotate(float* row, int length, int thread, int threads, Barrier barrier) {
    int block = length & -length;
    for (int half = 1; half < block; half *= 2) {
        for (int pair = thread; pair < length / 2; pair += threads) {
            int first = pair / half * 2 * half + pair % half;
            float x = row[first], y = row[first + half];
            row[first] = x + y;
            row[first + half] = x - y;
        }
        barrier();
    }
    float scale = 1 / sqrtf((float)block);
    for (int c = thread; c < length; c += threads) row[c] *= scale;
    barrier();
}

// By all threads of a block.
__device__ __forceinline__ void rotateBlock(float* row, int length, int threads) {
    rotate(row, length, (int)threadIdx.x, threads, [] { __syncthreads(); });
}

// By one warp.
__device__ __forceinline__ void rotateWarp(float* row, int length) {
    rotate(row, length, (int)(threadIdx.x % WARP), WARP, [] { __syncwarp(); });
}
