// Rows in codes of 1 to 4 or 8 bits. How they lie, for each KV head:
//   low plane    the codes' bits, of 3 bits the lower two: for 16 tokens after another, LOW units of 16 bytes for each run of 8 channels, [16-token batch][unit][run][16 bytes]. A token's 8 codes of a run
//                take LOW bytes, its first channel's lowest; so a lane reads whole units, and the lanes that share tokens read units side by side.
//   upper plane  of 3 bits the upper one, the same with one unit.
//   scales       in fp16. NORMAL: a norm a token. BLOCK: a scale for each token and block of 32 channels. AFFINE: scale and zero for each token and group of SPAN channels. Of 8 tokens (AFFINE: 4) those of a group
//                lie together, 16 bytes, [tokens / 8][group][8]; where groups are not 1, 2 or 4, and what is planned would not do for that, token by token.
//                CHANNEL (keys): [scale, zero][group of SPAN tokens][channel].
#pragma once
#define CODED
#include "attention.cuh"
#include "rotation.cuh"

constexpr int NORMAL = 0, AFFINE = 1, BLOCK = 2, CHANNEL = 3, TIERED = 4;
constexpr int BATCH = 16;
static_assert(AHEAD == 4, "scales are read for four tokens");

struct CodedRows {
    unsigned char* low;
    unsigned char* upper;
    unsigned short* scales;
    // Bytes from a KV head to the next, of all three.
    long long headStride;
    // CHANNEL: groups of tokens that there is room for.
    int groups;
};

// A lane's own halves of a row of them; channels that are not there have the last one's.
__device__ __forceinline__ void readHalves(const unsigned short* row, int turn, unsigned short* own) {
    if constexpr (WHOLE) {
        uint4 words = load((const uint4*)(row + min(channelOf(turn), HEAD_DIM - RUN)));
        unsigned w[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
        for (int i = 0; i < RUN; i++) own[i] = (unsigned short)(w[i / 2] >> (i % 2 * 16));
    } else {
#pragma unroll
        for (int i = 0; i < RUN; i++) own[i] = load(row + min(channelOf(turn) + i, HEAD_DIM - 1));
    }
}

// Levels of a unit normal, in ascending order; those of other kinds are whole numbers.
struct Levels { float of[16]; };

template <int KIND, int BITS, int SPAN> struct Codes {
    static constexpr int LOW = BITS == 3 ? 2 : BITS;
    static constexpr bool UPPER = BITS == 3;
    static constexpr int GROUPS = (HEAD_DIM + SPAN - 1) / SPAN, MOST = (1 << BITS) - 1;

    const unsigned char* low;
    const unsigned char* upper;
    const unsigned short* scales;
    int groups;

    struct Batch { uint4 low[TURNS][LOW], upper[TURNS]; };

    __device__ __forceinline__ Codes(const CodedRows& rows, int kvHead)
        : low(rows.low + kvHead * rows.headStride), upper(rows.upper + kvHead * rows.headStride), scales((const unsigned short*)((const char*)rows.scales + kvHead * rows.headStride)), groups(rows.groups) {}

    __device__ __forceinline__ void read(int batch, Batch& codes) const {
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++) {
            // A lane that has no run of its own reads another's, and its queries are zero.
            int run = inRow(turn) ? turn * LANES + (int)(threadIdx.x % LANES) : RUNS - 1;
#pragma unroll
            for (int unit = 0; unit < LOW; unit++) codes.low[turn][unit] = load((const uint4*)low + ((long long)batch * LOW + unit) * RUNS + run);
            if (UPPER) codes.upper[turn] = load((const uint4*)upper + (long long)batch * RUNS + run);
        }
    }

    static __device__ __forceinline__ unsigned wordOf(const uint4& x, int i) { return i == 0 ? x.x : i == 1 ? x.y : i == 2 ? x.z : x.w; }

    // The code of a channel of a run; t, turn and i are known when this is compiled.
    static __device__ __forceinline__ unsigned codeOf(const Batch& codes, int turn, int t, int i) {
        int bit = t * LOW * 8 + i * LOW;
        unsigned code = wordOf(codes.low[turn][bit / 128], bit % 128 / 32) >> (bit % 32) & ((1u << LOW) - 1);
        if (UPPER) code |= (wordOf(codes.upper[turn], t / 4) >> (t % 4 * 8 + i) & 1) << 2;
        return code;
    }

    // What codes of a token stand for before scale and offset, of a lane's own channels.
    static __device__ __forceinline__ void levelsOf(const Batch& codes, int t, const float* levels, float* own) {
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++)
#pragma unroll
            for (int i = 0; i < RUN; i++) {
                unsigned code = codeOf(codes, turn, t, i);
                own[turn * RUN + i] = KIND == NORMAL ? levels[code] : (float)(int)code - (KIND == BLOCK ? 1 << (BITS - 1) : 0);
            }
    }

    // What codes of a token stand for; at is its place among the scales that have been read.
    static __device__ __forceinline__ void numbersOf(const Batch& codes, int t, const float* levels, const float2 (*scales)[AHEAD], int at, float* own) {
        levelsOf(codes, t, levels, own);
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++)
#pragma unroll
            for (int i = turn * RUN; i < (turn + 1) * RUN; i++) own[i] = scales[turn][at].x * own[i] + scales[turn][at].y;
    }

    // Halves of a token and group; tokens whose halves lie together.
    static constexpr int HALVES = KIND == AFFINE ? 2 : 1, TOGETHER = GROUPS == 1 || GROUPS == 2 || GROUPS == 4 ? 8 / HALVES : 1;

    // Where those of a token and group lie.
    static __device__ __forceinline__ long long placeOf(int token, int group) { return ((long long)(token / TOGETHER) * GROUPS + group) * (TOGETHER * HALVES) + token % TOGETHER * HALVES; }

    // What the levels of AHEAD tokens are multiplied with, and what is added, in one of a lane's runs: 0 for tokens that are not there, whatever lies in their place.
    __device__ __forceinline__ void scalesOf(int first, int end, int turn, float2* own) const {
        int group = min(channelOf(turn), HEAD_DIM - 1) / SPAN;
        float perUnit = KIND == NORMAL ? 1 / sqrtf((float)HEAD_DIM) : 1;
        unsigned halves[AHEAD];
        if constexpr (KIND == CHANNEL) {
            for (int t = 0; t < AHEAD; t++) own[t] = make_float2(1, 1);
            return;
        } else if constexpr (TOGETHER > 1) {
            // first is a multiple of AHEAD.
            int known = min(first, (end - 1) / AHEAD * AHEAD);
            if constexpr (HALVES == 2) {
                uint4 words = load((const uint4*)(scales + placeOf(known, group)));
                halves[0] = words.x; halves[1] = words.y; halves[2] = words.z; halves[3] = words.w;
            } else {
                uint2 words = load((const uint2*)(scales + placeOf(known, group)));
                halves[0] = words.x & 0xffff; halves[1] = words.x >> 16; halves[2] = words.y & 0xffff; halves[3] = words.y >> 16;
            }
        } else {
#pragma unroll
            for (int t = 0; t < AHEAD; t++) {
                const unsigned short* at = scales + placeOf(min(first + t, end - 1), group);
                halves[t] = HALVES == 2 ? load((const unsigned*)at) : load(at);
            }
        }
#pragma unroll
        for (int t = 0; t < AHEAD; t++) {
            bool there = first + t < end;
            own[t] = make_float2(there ? halfToFloat((unsigned short)halves[t]) * perUnit : 0, there && HALVES == 2 ? halfToFloat((unsigned short)(halves[t] >> 16)) : 0);
        }
    }
};

// A token's codes of a run in the low plane: LOW bytes.
template <int LOW> __device__ __forceinline__ void storeRun(unsigned char* plane, int token, int run, unsigned long long bits) {
    int unit = token % BATCH * LOW / 16;
    unsigned char* at = plane + (((long long)(token / BATCH) * LOW + unit) * RUNS + run) * 16 + token % BATCH * LOW % 16;
    if constexpr (LOW == 1) store(at, (unsigned char)bits);
    else if constexpr (LOW == 2) store((unsigned short*)at, (unsigned short)bits);
    else if constexpr (LOW == 4) store((unsigned*)at, (unsigned)bits);
    else store((unsigned long long*)at, bits);
}

// fp16 takes what lies beyond its range as its largest.
__device__ __forceinline__ float clampHalf(float x) { return fminf(fmaxf(x, -65504), 65504); }

// Codes a row that lies in shared memory, turned where its kind is; done by one warp.
template <int KIND, int BITS, int SPAN> __device__ __forceinline__ void encodeRow(const CodedRows& to, int kvHead, int token, const float* row, const float* levels) {
    typedef Codes<KIND, BITS, SPAN> C;
    int lane = threadIdx.x % WARP;
    auto scales = (unsigned short*)((char*)to.scales + kvHead * to.headStride);
    float inverse = 0;
    if (KIND == NORMAL) {
        double squares = 0;
        for (int c = lane; c < HEAD_DIM; c += WARP) squares += (double)row[c] * row[c];
        for (int step = WARP / 2; step > 0; step /= 2) squares += __shfl_xor_sync(ALL, squares, step);
        unsigned short norm = doubleToHalf(sqrt(squares));
        float deviation = halfToFloat(norm) * (1 / sqrtf((float)HEAD_DIM));
        inverse = deviation > 0 ? 1 / deviation : 0;
        if (lane == 0) store(scales + C::placeOf(token, 0), norm);
    }
    for (int run = lane; run < RUNS; run += WARP) {
        float scale = 0, zero = 0;
        if (KIND == AFFINE || KIND == BLOCK) {
            int group = run * RUN / SPAN, end = min(HEAD_DIM, (group + 1) * SPAN);
            float least = row[group * SPAN], most = least, largest = 0;
            for (int c = group * SPAN; c < end; c++) {
                least = fminf(least, row[c]);
                most = fmaxf(most, row[c]);
                // The first of the largest magnitude, with its sign.
                if (fabsf(row[c]) > fabsf(largest)) largest = row[c];
            }
            if (KIND == AFFINE) {
                unsigned short ofZero = floatToHalf(clampHalf(least));
                zero = halfToFloat(ofZero);
                unsigned short ofScale = floatToHalf(clampHalf((most - zero) / C::MOST));
                scale = halfToFloat(ofScale);
                inverse = scale > 0 ? 1 / scale : 0;
                if (run * RUN == group * SPAN) store((unsigned*)(scales + C::placeOf(token, group)), ofScale | (unsigned)ofZero << 16);
            } else {
                scale = clampHalf(BITS == 8 ? fabsf(largest) / 127 : largest / -8);
                unsigned short stored = floatToHalf(scale);
                inverse = halfToFloat(stored) == 0 ? 0 : 1 / scale;
                if (run * RUN == group * SPAN) store(scales + C::placeOf(token, group), stored);
            }
        }
        unsigned long long low = 0;
        unsigned upper = 0;
#pragma unroll
        for (int i = 0; i < RUN; i++) {
            int c = run * RUN + i;
            float x = c < HEAD_DIM ? row[c] : 0;
            int code = 0;
            if (KIND == NORMAL) {
                for (int level = 0; level < C::MOST; level++) code += x * inverse > (levels[level] + levels[level + 1]) / 2;
            } else if (KIND == AFFINE) {
                code = (int)fminf(fmaxf(rintf((x - zero) * inverse), 0), C::MOST);
            } else {
                float y = x * inverse;
                constexpr int OFFSET = 1 << (BITS - 1);
                // 8 bits: away from zero where it lies halfway.
                float rounded = BITS == 8 ? copysignf(floorf(fabsf(y)) + (fabsf(y) - floorf(fabsf(y)) >= 0.5f), y) + OFFSET : floorf(y + OFFSET + 0.5f);
                code = (int)fminf(fmaxf(rounded, 0), C::MOST);
            }
            low |= (unsigned long long)(code & ((1 << C::LOW) - 1)) << (i * C::LOW);
            upper |= (unsigned)(code >> 2) << i;
        }
        storeRun<C::LOW>(to.low + kvHead * to.headStride, token, run, low);
        if (C::UPPER) store(to.upper + kvHead * to.headStride + ((long long)(token / BATCH) * RUNS + run) * 16 + token % BATCH, (unsigned char)upper);
    }
}

// Codes a group of SPAN tokens along each channel, by a block; source(token, channel) are its numbers. room has 3 * HEAD_DIM floats.
template <int BITS, int SPAN, class Source> __device__ __forceinline__ void encodeChannels(const CodedRows& to, int kvHead, int group, Source source, float* room) {
    typedef Codes<CHANNEL, BITS, SPAN> C;
    auto scales = (unsigned short*)((char*)to.scales + kvHead * to.headStride);
    for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS) {
        float least = source(0, c), most = least;
        for (int t = 1; t < SPAN; t++) { float x = source(t, c); least = fminf(least, x); most = fmaxf(most, x); }
        unsigned short ofZero = floatToHalf(clampHalf(least));
        float zero = halfToFloat(ofZero);
        unsigned short ofScale = floatToHalf(clampHalf((most - zero) / C::MOST));
        float scale = halfToFloat(ofScale);
        store(scales + (long long)group * HEAD_DIM + c, ofScale);
        store(scales + (long long)(to.groups + group) * HEAD_DIM + c, ofZero);
        room[c] = zero;
        room[HEAD_DIM + c] = scale > 0 ? 1 / scale : 0;
    }
    __syncthreads();
    for (int one = threadIdx.x; one < SPAN * RUNS; one += THREADS) {
        int t = one / RUNS, run = one % RUNS, token = group * SPAN + t;
        unsigned long long low = 0;
        unsigned upper = 0;
        for (int i = 0; i < RUN; i++) {
            int c = run * RUN + i;
            if (c >= HEAD_DIM) break;
            int code = (int)fminf(fmaxf(rintf((source(t, c) - room[c]) * room[HEAD_DIM + c]), 0), C::MOST);
            low |= (unsigned long long)(code & ((1 << C::LOW) - 1)) << (i * C::LOW);
            upper |= (unsigned)(code >> 2) << i;
        }
        storeRun<C::LOW>(to.low + kvHead * to.headStride, token, run, low);
        if (C::UPPER) store(to.upper + kvHead * to.headStride + ((long long)(token / BATCH) * RUNS + run) * 16 + token % BATCH, (unsigned char)upper);
    }
    __syncthreads();
}
