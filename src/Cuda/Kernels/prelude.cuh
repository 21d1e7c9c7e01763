// What all kernels share. No header of CUDA is included: NVRTC needs none for what is used here.
#pragma once

constexpr int WARP = 32;
constexpr unsigned ALL = 0xffffffffu;
#define MINUS_INFINITY __uint_as_float(0xff800000u)

#ifndef TAILORKV_EMULATOR
// A kernel takes one struct, named a.
#define KERNEL(name, Arguments, threads) extern "C" __global__ void __launch_bounds__(threads, 1) name(const Arguments a)
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]

__device__ __forceinline__ float halfToFloat(unsigned short half) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(half));
    return x;
}
__device__ __forceinline__ unsigned short floatToHalf(float x) {
    unsigned short half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(x));
    return half;
}
__device__ __forceinline__ unsigned short doubleToHalf(double x) {
    unsigned short half;
    asm("cvt.rn.f16.f64 %0, %1;" : "=h"(half) : "d"(x > 65504 ? 65504 : x));
    return half;
}
// Global memory is read and written by way of these, so that the emulator sees it.
template <class T> __device__ __forceinline__ T load(const T* address) { return *address; }
template <class T> __device__ __forceinline__ void store(T* address, T value) { *address = value; }
#endif

__device__ __forceinline__ float brainToFloat(unsigned short brain) { return __uint_as_float((unsigned)brain << 16); }

// To the nearest, ties to even, as the CPU rounds; NaN stays NaN.
__device__ __forceinline__ unsigned short floatToBrain(float x) {
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (unsigned short)((bits >> 16) | 0x40);
    return (unsigned short)((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

__device__ __forceinline__ float warpSum(float x) {
    for (int step = WARP / 2; step > 0; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    return x;
}

// The sum over a block of WARPS warps; all threads get it, and may use the room again after their next barrier.
template <int WARPS> __device__ __forceinline__ float blockSum(float x, float* room) {
    x = warpSum(x);
    if (threadIdx.x % WARP == 0) room[threadIdx.x / WARP] = x;
    __syncthreads();
    float sum = 0;
    for (int i = 0; i < WARPS; i++) sum += room[i];
    return sum;
}

// cap * tanh(s / cap), or s where there is no cap (0).
__device__ __forceinline__ float softCap(float score, float cap) { return cap == 0 ? score : cap * tanhf(score / cap); }
