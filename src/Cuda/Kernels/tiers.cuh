// Keys in tiers: channels sorted by how much they count, and cut into tiers of as many bits each as they are worth (docs/policies.md). Each tier has planes of its own, laid out as in coded.cuh with its own
// runs; 5 bits are a plane of 4 and one of 1. A token has one fp16 size, 8 of them together.
#pragma once
#include "coded.cuh"

struct Tier {
    // Bytes from the head's first to the planes'.
    long long low, upper;
    // Bits of a code, more than 0; channels; the first of them in the order in which channels are turned, and the first of its runs.
    int bits, channels, start, firstRun;
};

struct Tiers {
    // Of each KV head [headDim], in the order in which channels are turned: the channel, and what keys and queries are multiplied with.
    const int* order;
    const float* keyFactors;
    const float* queryFactors;
    // The square of each tier's usual size, [kvHeads, 4].
    const float* weights;
    // Levels of 1, 2, 3, 4 and 5 bits one after another.
    const float* levels;
    Tier tiers[4];
    // Tiers that have bits, and their channels.
    int count, channels;
};

constexpr int TIER_LEVELS = 62;
__device__ __forceinline__ int levelsFrom(int bits) { return (1 << bits) - 2; }

// Puts a row's channels in order, multiplied, and turns each tier; done by one warp. The row must have room for HEAD_DIM.
__device__ __forceinline__ void turnTiers(const Tiers& tiers, int kvHead, const float* factors, const float* from, float* row) {
    int lane = threadIdx.x % WARP;
    for (int c = lane; c < HEAD_DIM; c += WARP) row[c] = from[load(tiers.order + kvHead * HEAD_DIM + c)] * load(factors + kvHead * HEAD_DIM + c);
    __syncwarp();
    for (int i = 0; i < tiers.count; i++) rotateWarp(row + tiers.tiers[i].start, tiers.tiers[i].channels);
}

#ifdef KEY_RUNS
struct TieredKeys {
    static constexpr int LOW = 4;

    const unsigned short* sizes;
    const unsigned char* low[TURNS];
    const unsigned char* upper[TURNS];
    // Of a lane's runs: the tier's runs, bits of a low code, whether there is an upper bit, where its levels begin, the channel that the run begins with and how many it has.
    int runs[TURNS], bits[TURNS], levels[TURNS], start[TURNS], channels[TURNS];
    bool hasUpper[TURNS];

    struct Batch { uint4 low[TURNS][LOW], upper[TURNS]; };

    __device__ __forceinline__ TieredKeys(const CodedRows& rows, const Tiers& tiers, int kvHead) {
        sizes = (const unsigned short*)((const char*)rows.scales + kvHead * rows.headStride);
        const unsigned char* base = rows.low + kvHead * rows.headStride;
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++) {
            int run = turn * LANES + (int)(threadIdx.x % LANES);
            bool there = run < KEY_RUNS;
            if (!there) run = 0;
            int which = 0;
#pragma unroll
            for (int i = 1; i < 4; i++) if (i < tiers.count && run >= tiers.tiers[i].firstRun) which = i;
            long long atLow = 0, atUpper = 0;
            int ofTier = 0, codeBits = 1, first = 0, begin = 0;
#pragma unroll
            for (int i = 0; i < 4; i++)
                if (i == which) { atLow = tiers.tiers[i].low; atUpper = tiers.tiers[i].upper; ofTier = tiers.tiers[i].channels; codeBits = tiers.tiers[i].bits; first = tiers.tiers[i].firstRun; begin = tiers.tiers[i].start; }
            runs[turn] = (ofTier + RUN - 1) / RUN;
            hasUpper[turn] = codeBits == 3 || codeBits == 5;
            bits[turn] = hasUpper[turn] ? codeBits - 1 : codeBits;
            levels[turn] = levelsFrom(codeBits);
            start[turn] = begin + (run - first) * RUN;
            channels[turn] = there ? min(RUN, ofTier - (run - first) * RUN) : 0;
            low[turn] = base + atLow + (run - first) * 16;
            upper[turn] = base + atUpper + (run - first) * 16;
        }
    }

    __device__ __forceinline__ void read(int batch, Batch& codes) const {
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++) {
#pragma unroll
            for (int unit = 0; unit < LOW; unit++)
                codes.low[turn][unit] = unit < bits[turn] ? load((const uint4*)(low[turn] + ((long long)batch * bits[turn] + unit) * runs[turn] * 16)) : make_uint4(0, 0, 0, 0);
            codes.upper[turn] = hasUpper[turn] ? load((const uint4*)(upper[turn] + (long long)batch * runs[turn] * 16)) : make_uint4(0, 0, 0, 0);
        }
    }

    static __device__ __forceinline__ unsigned wordOf(const uint4& x, int i) { return i == 0 ? x.x : i == 1 ? x.y : i == 2 ? x.z : x.w; }

    // t is known when this is compiled; a tier's bits are a lane's own.
    __device__ __forceinline__ void levelsOf(const Batch& codes, int t, const float* table, float* own) const {
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++) {
            unsigned word = bits[turn] == 4 ? wordOf(codes.low[turn][t / 4], t % 4)
                : bits[turn] == 2 ? wordOf(codes.low[turn][t / 8], t % 8 / 2) >> (t % 2 * 16) : wordOf(codes.low[turn][0], t / 4) >> (t % 4 * 8);
            unsigned above = wordOf(codes.upper[turn], t / 4) >> (t % 4 * 8), mask = (1u << bits[turn]) - 1;
#pragma unroll
            for (int i = 0; i < RUN; i++) own[turn * RUN + i] = table[levels[turn] + ((word >> (i * bits[turn]) & mask) | (above >> i & 1) << bits[turn])];
        }
    }

    __device__ __forceinline__ void scalesOf(int first, int end, int turn, float2* own) const {
        uint2 words = load((const uint2*)(sizes + min(first, (end - 1) / AHEAD * AHEAD)));
        unsigned halves[AHEAD] = {words.x & 0xffff, words.x >> 16, words.y & 0xffff, words.y >> 16};
#pragma unroll
        for (int t = 0; t < AHEAD; t++) own[t] = make_float2(first + t < end ? halfToFloat((unsigned short)halves[t]) : 0, 0);
    }
};
#endif

// Codes a key that turnTiers has turned; done by one warp.
__device__ __forceinline__ void encodeTiers(const CodedRows& to, const Tiers& tiers, int kvHead, int token, const float* row) {
    int lane = threadIdx.x % WARP;
    unsigned char* base = to.low + kvHead * to.headStride;
    double squares = 0;
    for (int i = 0; i < tiers.count; i++)
        for (int c = lane; c < tiers.tiers[i].channels; c += WARP) squares += (double)row[tiers.tiers[i].start + c] * row[tiers.tiers[i].start + c];
    for (int step = WARP / 2; step > 0; step /= 2) squares += __shfl_xor_sync(ALL, squares, step);
    float spread = halfToFloat(doubleToHalf(sqrt(squares / max(1, tiers.channels)))), inverse = spread > 0 ? 1 / spread : 0;
    double along = 0, stood = 0;
    for (int i = 0; i < tiers.count; i++) {
        const Tier& tier = tiers.tiers[i];
        const float* levels = tiers.levels + levelsFrom(tier.bits);
        double weight = load(tiers.weights + kvHead * 4 + i);
        int lowBits = tier.bits == 3 || tier.bits == 5 ? tier.bits - 1 : tier.bits, runs = (tier.channels + RUN - 1) / RUN;
        for (int run = lane; run < runs; run += WARP) {
            unsigned low = 0, upper = 0;
            for (int k = 0; k < RUN && run * RUN + k < tier.channels; k++) {
                float x = row[tier.start + run * RUN + k];
                int code = 0;
                for (int level = 0; level < (1 << tier.bits) - 1; level++) code += x * inverse > (load(levels + level) + load(levels + level + 1)) / 2;
                double level = load(levels + code);
                along += level * weight * x;
                stood += level * weight * level;
                low |= (unsigned)(code & ((1 << lowBits) - 1)) << (k * lowBits);
                upper |= (unsigned)(code >> lowBits) << k;
            }
            unsigned char* at = base + tier.low + (((long long)(token / BATCH) * lowBits + token % BATCH * lowBits / 16) * runs + run) * 16 + token % BATCH * lowBits % 16;
            if (lowBits == 1) store(at, (unsigned char)low);
            else if (lowBits == 2) store((unsigned short*)at, (unsigned short)low);
            else store((unsigned*)at, low);
            if (lowBits != tier.bits) store(base + tier.upper + ((long long)(token / BATCH) * runs + run) * 16 + token % BATCH, (unsigned char)upper);
        }
    }
    for (int step = WARP / 2; step > 0; step /= 2) {
        along += __shfl_xor_sync(ALL, along, step);
        stood += __shfl_xor_sync(ALL, stood, step);
    }
    // What codes stand for comes nearest to the key with this size, however it spreads over the tiers.
    if (lane == 0) store((unsigned short*)((char*)to.scales + kvHead * to.headStride) + token, doubleToHalf(stood > 0 && spread > 0 ? along / stood : 0));
}
