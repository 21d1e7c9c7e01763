// Layers with sinks and a window exact, in rows of bf16 or f32 (ELEMENT_BYTES), and keys of all between in codes: KEY_KIND, KEY_BITS, KEY_SPAN, KEY_TURNED; values too, by the same of VALUE_, unless
// VALUES_CODED is 0. With OTHER_ROWS, rows of all between lie in host memory too, as exact as the window; where keys are not coded (KEY_KIND 5), there is nothing else of them, and they lie on the card.
// BLOCK_TOKENS leave the window at once. With EVICTED, only some of a prompt's tokens are kept, and what leaves the window later takes the places of the least.
#pragma once
#ifndef EVICTED
#define EVICTED 0
#endif
#include "elements.cuh"
#include "tiers.cuh"

#if KEY_KIND == 4
typedef TieredKeys Keys;
constexpr int KEY_LEVELS = TIER_LEVELS;
#else
constexpr int KEY_LEVELS = 16;
#endif
#if KEY_KIND < 4
typedef Codes<KEY_KIND, KEY_BITS, KEY_SPAN> Keys;
#endif
#if VALUES_CODED
typedef Codes<VALUE_KIND, VALUE_BITS, VALUE_SPAN> Values;
#else
#define VALUE_TURNED 0
#endif

struct Ends {
    // [kvHeads][sinks or windowCapacity, headDim]; a position's row in the window lies at the position modulo its capacity.
    Element* sinkKeys;
    Element* sinkValues;
    Element* windowKeys;
    Element* windowValues;
    // Elements from a KV head to the next, of all four.
    long long headStride;
    int sinks, windowCapacity;
    // Tokens of the window that are left when a block has left it.
    int kept;
};

// Tokens between sinks and window, once so many are held: what the prompt left there, or more.
__device__ __forceinline__ int middleOf(const Ends& ends, int promptMiddle, int tokens) { return max(promptMiddle, max(0, tokens - ends.sinks - ends.kept) / BLOCK_TOKENS * BLOCK_TOKENS); }

struct QuantizedState {
    Ends ends;
    CodedRows keys, values;
    // Of keys and of values; of keys in tiers they are the tiers'.
    Levels keyLevels, valueLevels;
    Tiers tiers;
    // The position of the workspace's first token, and tokens of the prompt that are coded.
    const int* position;
    const int* promptMiddle;
    // [kvHeads][tokens][key and value, headDim], pinned or on the card; elements from a KV head to the next.
    Element* otherRows;
    long long otherStride;
    // Blocks of the middle that there is room for; it counts where tokens are evicted.
    int room;
    int row;
};

// The exact row of a token of the middle that lies besides its codes, or instead of them.
__device__ __forceinline__ KeyAndValue<Element> besides(const QuantizedState& s, int kvHead, int token) {
    const Element* key = s.otherRows + kvHead * s.otherStride + (long long)token * 2 * HEAD_DIM;
    return {key, key + HEAD_DIM};
}

// Tokens of the middle that are kept.
__device__ __forceinline__ int keptOf(const QuantizedState& s, int middle) { return EVICTED ? min(s.room * BLOCK_TOKENS, middle) : middle; }

// Where a block of tokens of the middle goes, of which the first has so many before it: in free places first, then in those of the prompt's blocks from the last up, which have the lowest scores, then of the oldest
// that came after. The first block stays; -1 where there is no other.
__device__ __forceinline__ int placeOf(const QuantizedState& s, int promptMiddle, int first) {
    if (!EVICTED) return first;
    int ofPrompt = min(s.room, promptMiddle / BLOCK_TOKENS), joined = (first - promptMiddle) / BLOCK_TOKENS, free = s.room - ofPrompt;
    if (joined < free) return (ofPrompt + joined) * BLOCK_TOKENS;
    if (s.room < 2) return -1;
    int lowest = max(0, ofPrompt - 1), turn = (joined - free) % (s.room - 1);
    return (turn < lowest ? lowest - turn : turn + 1) * BLOCK_TOKENS;
}

// A row that a warp has in shared memory, coded. It is overwritten.
__device__ __forceinline__ void codeRow(const QuantizedState& s, int kvHead, int token, bool key, float* row, float* sorted) {
#if OTHER_ROWS
    Element* exact = s.otherRows + kvHead * s.otherStride + ((long long)token * 2 + (key ? 0 : 1)) * HEAD_DIM;
    for (int c = threadIdx.x % WARP; c < HEAD_DIM; c += WARP) store(exact + c, elementOf(row[c]));
    __syncwarp();
#endif
    if (key ? KEY_TURNED : VALUE_TURNED) rotateWarp(row, HEAD_DIM);
    if (!key) {
#if VALUES_CODED
        encodeRow<VALUE_KIND, VALUE_BITS, VALUE_SPAN>(s.values, kvHead, token, row, s.valueLevels.of);
#endif
    } else {
#if KEY_KIND == 4
        turnTiers(s.tiers, kvHead, s.tiers.keyFactors, row, sorted);
        encodeTiers(s.keys, s.tiers, kvHead, token, sorted);
#elif KEY_KIND < 3
        encodeRow<KEY_KIND, KEY_BITS, KEY_SPAN>(s.keys, kvHead, token, row, s.keyLevels.of);
#endif
    }
}

struct AppendArguments {
    QuantizedState state;
    // Of one token: [kvHeads, headDim].
    const float* newKeys;
    const float* newValues;
};

// A block a KV head: the token enters the window, and where that is full then, a block of tokens leaves it and is coded.
KERNEL(append, AppendArguments, THREADS) {
    SHARED(float, rows, WARPS * HEAD_DIM > 2 * HEAD_DIM ? WARPS * HEAD_DIM : 2 * HEAD_DIM);
    const QuantizedState& s = a.state;
    int kvHead = blockIdx.x, token = load(s.position) + s.row, promptMiddle = load(s.promptMiddle), warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    bool sink = token < s.ends.sinks;
    long long place = kvHead * s.ends.headStride + (long long)(sink ? token : token % s.ends.windowCapacity) * HEAD_DIM;
    for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS) {
        store((sink ? s.ends.sinkKeys : s.ends.windowKeys) + place + c, elementOf(load(a.newKeys + kvHead * HEAD_DIM + c)));
        store((sink ? s.ends.sinkValues : s.ends.windowValues) + place + c, elementOf(load(a.newValues + kvHead * HEAD_DIM + c)));
    }
    int first = middleOf(s.ends, promptMiddle, token);
    if (middleOf(s.ends, promptMiddle, token + 1) == first) return;
    int to = placeOf(s, promptMiddle, first);
    if (to < 0) return;
    __syncthreads();
    const Element* windowKeys = s.ends.windowKeys + kvHead * s.ends.headStride;
    const Element* windowValues = s.ends.windowValues + kvHead * s.ends.headStride;
    // The position of a token that leaves.
    int leaving = s.ends.sinks + first;
#if KEY_KIND == 3
    encodeChannels<KEY_BITS, KEY_SPAN>(s.keys, kvHead, to / KEY_SPAN, [&](int t, int c) { return floatOf(load(windowKeys + (long long)((leaving + t) % s.ends.windowCapacity) * HEAD_DIM + c)); }, rows);
#endif
    float* row = rows + warp * HEAD_DIM;
    SHARED(float, sorted, KEY_KIND == TIERED ? WARPS * HEAD_DIM : WARPS);
    for (int one = warp; one < 2 * BLOCK_TOKENS; one += WARPS) {
        bool key = one < BLOCK_TOKENS;
        if (key && KEY_KIND == CHANNEL && !OTHER_ROWS) continue;
        if (!key && !VALUES_CODED && !OTHER_ROWS) continue;
        int t = key ? one : one - BLOCK_TOKENS;
        const Element* from = (key ? windowKeys : windowValues) + (long long)((leaving + t) % s.ends.windowCapacity) * HEAD_DIM;
        __syncwarp();
        for (int c = lane; c < HEAD_DIM; c += WARP) row[c] = floatOf(load(from + c));
        __syncwarp();
        codeRow(s, kvHead, to + t, key, row, KEY_KIND == TIERED ? sorted + warp * HEAD_DIM : nullptr);
    }
}

struct LoadArguments {
    QuantizedState state;
    // [kvHeads, stride, headDim], on the card or pinned.
    const float* promptKeys;
    const float* promptValues;
    // Where tokens are evicted: [kvHeads, kept], those of the middle that are kept, in the order of their places.
    const int* order;
    long long stride, orderStride;
    int tokens, middle, kept;
};

// The token of the prompt's middle that goes to a place.
__device__ __forceinline__ int tokenAt(const LoadArguments& a, int kvHead, int place) { return EVICTED ? load(a.order + kvHead * a.orderStride + place) : place; }

// A prompt's sinks and window: a block a KV head and some of their tokens.
KERNEL(loadEnds, LoadArguments, THREADS) {
    const QuantizedState& s = a.state;
    int kvHead = blockIdx.x, sinks = min(s.ends.sinks, a.tokens), ends = a.tokens - a.middle;
    for (int one = blockIdx.y; one < ends; one += gridDim.y) {
        bool sink = one < sinks;
        int token = sink ? one : one + a.middle;
        long long from = (kvHead * a.stride + token) * HEAD_DIM, to = kvHead * s.ends.headStride + (long long)(sink ? token : token % s.ends.windowCapacity) * HEAD_DIM;
        for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS) {
            store((sink ? s.ends.sinkKeys : s.ends.windowKeys) + to + c, elementOf(load(a.promptKeys + from + c)));
            store((sink ? s.ends.sinkValues : s.ends.windowValues) + to + c, elementOf(load(a.promptValues + from + c)));
        }
    }
}

// What is kept of a prompt's middle, coded: a block a KV head and some blocks of tokens.
KERNEL(loadCodes, LoadArguments, THREADS) {
    SHARED(float, rows, WARPS * HEAD_DIM > 2 * HEAD_DIM ? WARPS * HEAD_DIM : 2 * HEAD_DIM);
    const QuantizedState& s = a.state;
    int kvHead = blockIdx.x, warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    long long origin = (kvHead * a.stride + s.ends.sinks) * HEAD_DIM;
#if KEY_KIND == 3
    for (int group = blockIdx.y; group < a.kept / KEY_SPAN; group += gridDim.y)
        encodeChannels<KEY_BITS, KEY_SPAN>(s.keys, kvHead, group, [&](int t, int c) { return load(a.promptKeys + origin + (long long)tokenAt(a, kvHead, group * KEY_SPAN + t) * HEAD_DIM + c); }, rows);
#endif
    float* row = rows + warp * HEAD_DIM;
    SHARED(float, sorted, KEY_KIND == TIERED ? WARPS * HEAD_DIM : WARPS);
    for (int token = (int)blockIdx.y * WARPS + warp; token < a.kept; token += gridDim.y * WARPS) {
        long long from = origin + (long long)tokenAt(a, kvHead, token) * HEAD_DIM;
        for (int what = KEY_KIND == CHANNEL && !OTHER_ROWS ? 1 : 0; what < 2; what++) {
            __syncwarp();
            for (int c = lane; c < HEAD_DIM; c += WARP) row[c] = load((what == 0 ? a.promptKeys : a.promptValues) + from + c);
            __syncwarp();
            codeRow(s, kvHead, token, what == 0, row, KEY_KIND == TIERED ? sorted + warp * HEAD_DIM : nullptr);
        }
    }
}

#if KEY_KIND != 5
// Queries as they meet codes: turned, by way of shared memory, where keys are.
__device__ __forceinline__ void meetQueries(const QuantizedState& s, const float* from, int kvHead, int head, int count, float* turned, float (*queries)[OWN]) {
#if KEY_KIND == 4
    Keys keys(s.keys, s.tiers, kvHead);
#pragma unroll
    for (int g = 0; g < GROUP; g++) {
        const Tiers& tiers = s.tiers;
        for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS)
            turned[c] = load(from + (long long)(head + min(g, count - 1)) * HEAD_DIM + load(tiers.order + kvHead * HEAD_DIM + c)) * load(tiers.queryFactors + kvHead * HEAD_DIM + c);
        __syncthreads();
        for (int i = 0; i < tiers.count; i++) rotateBlock(turned + tiers.tiers[i].start, tiers.tiers[i].channels, THREADS);
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++)
#pragma unroll
            for (int i = 0; i < RUN; i++) queries[g][turn * RUN + i] = i < keys.channels[turn] ? turned[keys.start[turn] + i] : 0;
        __syncthreads();
    }
#elif KEY_TURNED
#pragma unroll
    for (int g = 0; g < GROUP; g++) {
        for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS) turned[c] = load(from + (long long)(head + min(g, count - 1)) * HEAD_DIM + c);
        __syncthreads();
        rotateBlock(turned, HEAD_DIM, THREADS);
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++)
#pragma unroll
            for (int i = 0; i < RUN; i++) {
                int c = channelOf(turn) + i;
                queries[g][turn * RUN + i] = inRow(turn) && c < HEAD_DIM ? turned[c] : 0;
            }
        __syncthreads();
    }
#else
    readQueries(from + (long long)head * HEAD_DIM, count, queries);
#endif
}

// Queries as they meet the codes of a batch: where keys have scales a channel, those have joined the queries, and their zeros have made a number for all tokens of the batch.
struct MetQueries {
#if KEY_KIND == 3
    float scaled[GROUP][OWN], ofOffsets[GROUP];
#endif

    __device__ __forceinline__ void meet(const Keys& keys, int batch, const float (*queries)[OWN]) {
#if KEY_KIND == 3
        // Channels' scales join the queries, their zeros make a number for all tokens of the group.
        const unsigned short* scales = keys.scales + (long long)(batch * BATCH / KEY_SPAN) * HEAD_DIM;
        const unsigned short* zeros = scales + (long long)keys.groups * HEAD_DIM;
#pragma unroll
        for (int g = 0; g < GROUP; g++) ofOffsets[g] = 0;
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++) {
            unsigned short ofScales[RUN], ofZeros[RUN];
            readHalves(scales, turn, ofScales);
            readHalves(zeros, turn, ofZeros);
#pragma unroll
            for (int i = 0; i < RUN; i++) {
                float scale = halfToFloat(ofScales[i]), zero = halfToFloat(ofZeros[i]);
#pragma unroll
                for (int g = 0; g < GROUP; g++) {
                    scaled[g][turn * RUN + i] = queries[g][turn * RUN + i] * scale;
                    ofOffsets[g] += queries[g][turn * RUN + i] * zero;
                }
            }
        }
#endif
    }

    // Scores of one token of the batch; t is its place there, known when this is compiled, and at its place among the scales that have been read.
    __device__ __forceinline__ void score(
        const Keys& keys, const Keys::Batch& codes, int t, const float2 (*scales)[AHEAD], int at, const float (*queries)[OWN], const float* levels, bool there, float cap, float* scores) const {
        float k[OWN], dots[GROUP];
        keys.levelsOf(codes, t, levels, k);
#pragma unroll
        for (int g = 0; g < GROUP; g++) {
#if KEY_KIND == 3
            dots[g] = ofOffsets[g];
#pragma unroll
            for (int i = 0; i < OWN; i++) dots[g] += scaled[g][i] * k[i];
#else
            dots[g] = 0;
#pragma unroll
            for (int turn = 0; turn < TURNS; turn++) {
                float dot = 0, sum = 0;
#pragma unroll
                for (int i = turn * RUN; i < (turn + 1) * RUN; i++) {
                    dot += queries[g][i] * k[i];
                    if (KEY_KIND == AFFINE) sum += queries[g][i];
                }
                dots[g] += scales[turn][at].x * dot + scales[turn][at].y * sum;
            }
#endif
            scores[g] = RunningSoftmax::scoreOf(dots[g], there, cap);
        }
    }
};

#endif

__device__ __forceinline__ void readLevels(const QuantizedState& s, float* levels) {
    for (int i = threadIdx.x; i < KEY_LEVELS + 16; i += THREADS) {
#if KEY_KIND == 4
        levels[i] = i < KEY_LEVELS ? load(s.tiers.levels + i) : s.valueLevels.of[i - KEY_LEVELS];
#else
        levels[i] = i < KEY_LEVELS ? s.keyLevels.of[i] : s.valueLevels.of[i - KEY_LEVELS];
#endif
    }
}

// Of sinks and window, one after the other, the row of one.
__device__ __forceinline__ KeyAndValue<Element> endOf(const Ends& ends, int kvHead, int sinks, int middle, int one) {
    bool sink = one < sinks;
    long long at = kvHead * ends.headStride + (long long)(sink ? one : (one + middle) % ends.windowCapacity) * HEAD_DIM;
    return {(sink ? ends.sinkKeys : ends.windowKeys) + at, (sink ? ends.sinkValues : ends.windowValues) + at};
}

// Attention to sinks and window.
__device__ __forceinline__ void attendEnds(const QuantizedState& s, const float* ofQueries, float cap, int kvHead, int head, int count, int tokens, int middle, RunningSoftmax& softmax) {
    const Ends& ends = s.ends;
    int sinks = min(ends.sinks, tokens), held = tokens - middle;
    float queries[GROUP][OWN];
    readQueries(ofQueries + (long long)head * HEAD_DIM, count, queries);
    softmax.takeRows(queries, 0, held, cap, [&](int one) { return endOf(ends, kvHead, sinks, middle, one); });
}
