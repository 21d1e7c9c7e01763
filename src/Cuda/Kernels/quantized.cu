// Quantized layers: sinks and a window exact, in rows of bf16 or f32 (ELEMENT_BYTES), all between in codes: KEY_KIND, KEY_BITS, KEY_SPAN, KEY_TURNED and the same of VALUE_.
// BLOCK_TOKENS leave the window at once.
#include "tiers.cuh"

#if ELEMENT_BYTES == 2
typedef unsigned short Element;
__device__ __forceinline__ Element elementOf(float x) { return floatToBrain(x); }
__device__ __forceinline__ float floatOf(Element x) { return brainToFloat(x); }
#else
typedef float Element;
__device__ __forceinline__ Element elementOf(float x) { return x; }
__device__ __forceinline__ float floatOf(Element x) { return x; }
#endif

#if KEY_KIND == 4
typedef TieredKeys Keys;
constexpr int KEY_LEVELS = TIER_LEVELS;
#else
typedef Codes<KEY_KIND, KEY_BITS, KEY_SPAN> Keys;
constexpr int KEY_LEVELS = 16;
#endif
typedef Codes<VALUE_KIND, VALUE_BITS, VALUE_SPAN> Values;

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
    int row;
};

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
    __syncthreads();
    const Element* windowKeys = s.ends.windowKeys + kvHead * s.ends.headStride;
    const Element* windowValues = s.ends.windowValues + kvHead * s.ends.headStride;
    // The position of a token that leaves.
    int leaving = s.ends.sinks + first;
#if KEY_KIND == 3
    encodeChannels<KEY_BITS, KEY_SPAN>(s.keys, kvHead, first / KEY_SPAN, [&](int t, int c) { return floatOf(load(windowKeys + (long long)((leaving + t) % s.ends.windowCapacity) * HEAD_DIM + c)); }, rows);
#endif
    float* row = rows + warp * HEAD_DIM;
#if KEY_KIND == 4
    SHARED(float, sorted, WARPS * HEAD_DIM);
#endif
    for (int one = warp; one < 2 * BLOCK_TOKENS; one += WARPS) {
        bool key = one < BLOCK_TOKENS;
        if (key && KEY_KIND == CHANNEL) continue;
        int t = key ? one : one - BLOCK_TOKENS;
        const Element* from = (key ? windowKeys : windowValues) + (long long)((leaving + t) % s.ends.windowCapacity) * HEAD_DIM;
        __syncwarp();
        for (int c = lane; c < HEAD_DIM; c += WARP) row[c] = floatOf(load(from + c));
        __syncwarp();
        if (key ? KEY_TURNED : VALUE_TURNED) rotateWarp(row, HEAD_DIM);
        if (!key) encodeRow<VALUE_KIND, VALUE_BITS, VALUE_SPAN>(s.values, kvHead, first + t, row, s.valueLevels.of);
#if KEY_KIND == 4
        else {
            turnTiers(s.tiers, kvHead, s.tiers.keyFactors, row, sorted + warp * HEAD_DIM);
            encodeTiers(s.keys, s.tiers, kvHead, first + t, sorted + warp * HEAD_DIM);
        }
#elif KEY_KIND != 3
        else encodeRow<KEY_KIND, KEY_BITS, KEY_SPAN>(s.keys, kvHead, first + t, row, s.keyLevels.of);
#endif
    }
}

struct LoadArguments {
    QuantizedState state;
    // [kvHeads, stride, headDim], on the card or pinned.
    const float* promptKeys;
    const float* promptValues;
    long long stride;
    int tokens, middle;
};

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

// A prompt's middle, coded: a block a KV head and some blocks of tokens.
KERNEL(loadCodes, LoadArguments, THREADS) {
    SHARED(float, rows, WARPS * HEAD_DIM > 2 * HEAD_DIM ? WARPS * HEAD_DIM : 2 * HEAD_DIM);
    const QuantizedState& s = a.state;
    int kvHead = blockIdx.x, warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    long long origin = (kvHead * a.stride + s.ends.sinks) * HEAD_DIM;
#if KEY_KIND == 3
    for (int group = blockIdx.y; group < a.middle / KEY_SPAN; group += gridDim.y)
        encodeChannels<KEY_BITS, KEY_SPAN>(s.keys, kvHead, group, [&](int t, int c) { return load(a.promptKeys + origin + (long long)(group * KEY_SPAN + t) * HEAD_DIM + c); }, rows);
#endif
    float* row = rows + warp * HEAD_DIM;
#if KEY_KIND == 4
    SHARED(float, sorted, WARPS * HEAD_DIM);
#endif
    for (int token = (int)blockIdx.y * WARPS + warp; token < a.middle; token += gridDim.y * WARPS) {
        for (int what = KEY_KIND == CHANNEL ? 1 : 0; what < 2; what++) {
            __syncwarp();
            for (int c = lane; c < HEAD_DIM; c += WARP) row[c] = load((what == 0 ? a.promptKeys : a.promptValues) + origin + (long long)token * HEAD_DIM + c);
            __syncwarp();
            if (what == 0 ? KEY_TURNED : VALUE_TURNED) rotateWarp(row, HEAD_DIM);
            if (what == 1) encodeRow<VALUE_KIND, VALUE_BITS, VALUE_SPAN>(s.values, kvHead, token, row, s.valueLevels.of);
#if KEY_KIND == 4
            else {
                turnTiers(s.tiers, kvHead, s.tiers.keyFactors, row, sorted + warp * HEAD_DIM);
                encodeTiers(s.keys, s.tiers, kvHead, token, sorted + warp * HEAD_DIM);
            }
#elif KEY_KIND != 3
            else encodeRow<KEY_KIND, KEY_BITS, KEY_SPAN>(s.keys, kvHead, token, row, s.keyLevels.of);
#endif
        }
    }
}

struct AttendArguments {
    QuantizedState state;
    // Of one token, [heads, headDim].
    const float* queries;
    // [heads, splits, PARTIAL].
    float* partials;
    // The first split is of sinks and window, the others of codes.
    int splits;
    // Query heads that share a KV head.
    int group;
    float cap;
};

__device__ __forceinline__ void attendEnds(const AttendArguments& a, int kvHead, int head, int count, int tokens, int middle, RunningSoftmax& softmax) {
    const Ends& ends = a.state.ends;
    int sinks = min(ends.sinks, tokens), held = tokens - middle;
    float queries[GROUP][OWN];
#pragma unroll
    for (int g = 0; g < GROUP; g++) readRow(a.queries + (long long)(head + min(g, count - 1)) * HEAD_DIM, queries[g]);
    for (int first = (int)(threadIdx.x / WARP) * ROWS * AHEAD; first < held; first += WARPS * ROWS * AHEAD) {
        float k[AHEAD][OWN], v[AHEAD][OWN];
        bool there[AHEAD];
#pragma unroll
        for (int t = 0; t < AHEAD; t++) {
            int one = first + t * ROWS + (int)(threadIdx.x % WARP) / LANES;
            there[t] = one < held;
            one = min(one, held - 1);
            bool sink = one < sinks;
            long long at = kvHead * ends.headStride + (long long)(sink ? one : (one + middle) % ends.windowCapacity) * HEAD_DIM;
            readRow((sink ? ends.sinkKeys : ends.windowKeys) + at, k[t]);
            readRow((sink ? ends.sinkValues : ends.windowValues) + at, v[t]);
        }
        softmax.take(queries, k, v, there, a.cap);
    }
}

__device__ __forceinline__ void attendCodes(const AttendArguments& a, int kvHead, int head, int count, int begin, int end, float* turned, const float* keyLevels, const float* valueLevels, RunningSoftmax& softmax) {
    // Queries as they meet codes: turned in shared memory where keys are.
    float queries[GROUP][OWN], ofOffsets[GROUP];
#if KEY_KIND == 4
    Keys keys(a.state.keys, a.state.tiers, kvHead);
    for (int g = 0; g < GROUP; g++) {
        const Tiers& tiers = a.state.tiers;
        for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS)
            turned[c] = load(a.queries + (long long)(head + min(g, count - 1)) * HEAD_DIM + load(tiers.order + kvHead * HEAD_DIM + c)) * load(tiers.queryFactors + kvHead * HEAD_DIM + c);
        __syncthreads();
        for (int i = 0; i < tiers.count; i++) rotateBlock(turned + tiers.tiers[i].start, tiers.tiers[i].channels, THREADS);
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++)
#pragma unroll
            for (int i = 0; i < RUN; i++) queries[g][turn * RUN + i] = i < keys.channels[turn] ? turned[keys.start[turn] + i] : 0;
        __syncthreads();
    }
#elif KEY_TURNED
    for (int g = 0; g < GROUP; g++) {
        for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS) turned[c] = load(a.queries + (long long)(head + min(g, count - 1)) * HEAD_DIM + c);
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
#pragma unroll
    for (int g = 0; g < GROUP; g++) readRow(a.queries + (long long)(head + min(g, count - 1)) * HEAD_DIM, queries[g]);
#endif
#pragma unroll
    for (int g = 0; g < GROUP; g++) ofOffsets[g] = 0;
#if KEY_KIND != 4
    Keys keys(a.state.keys, kvHead);
#endif
    Values values(a.state.values, kvHead);
    int last = (end - 1) / BATCH;
    for (int base = begin / BATCH + (int)(threadIdx.x / WARP) * ROWS; base * BATCH < end; base += WARPS * ROWS) {
        int batch = base + (int)(threadIdx.x % WARP) / LANES, from = min(batch, last);
        Keys::Batch keyCodes;
        Values::Batch valueCodes;
        keys.read(from, keyCodes);
        values.read(from, valueCodes);
#if KEY_KIND == 3
        // Channels' scales join the queries, their zeros make a number for all tokens of the group.
        float met[GROUP][OWN];
        const unsigned short* scales = keys.scales + (long long)(from * BATCH / KEY_SPAN) * HEAD_DIM;
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
                    met[g][turn * RUN + i] = queries[g][turn * RUN + i] * scale;
                    ofOffsets[g] += queries[g][turn * RUN + i] * zero;
                }
            }
        }
#endif
#pragma unroll
        for (int some = 0; some < BATCH; some += AHEAD) {
            float scores[AHEAD][GROUP], v[AHEAD][OWN];
            float2 keyScales[TURNS][AHEAD], valueScales[TURNS][AHEAD];
            int token = batch * BATCH + some;
#pragma unroll
            for (int turn = 0; turn < TURNS; turn++) {
                keys.scalesOf(token, end, turn, keyScales[turn]);
                values.scalesOf(token, end, turn, valueScales[turn]);
            }
#pragma unroll
            for (int t = 0; t < AHEAD; t++) {
                float k[OWN], dots[GROUP];
                keys.levelsOf(keyCodes, some + t, keyLevels, k);
#pragma unroll
                for (int g = 0; g < GROUP; g++) dots[g] = KEY_KIND == CHANNEL ? ofOffsets[g] : 0;
#pragma unroll
                for (int turn = 0; turn < TURNS; turn++)
#pragma unroll
                    for (int g = 0; g < GROUP; g++) {
                        float dot = 0, sum = 0;
#pragma unroll
                        for (int i = turn * RUN; i < (turn + 1) * RUN; i++) {
#if KEY_KIND == 3
                            dot += met[g][i] * k[i];
#else
                            dot += queries[g][i] * k[i];
                            if (KEY_KIND == AFFINE) sum += queries[g][i];
#endif
                        }
                        dots[g] += KEY_KIND == CHANNEL ? dot : keyScales[turn][t].x * dot + keyScales[turn][t].y * sum;
                    }
#pragma unroll
                for (int g = 0; g < GROUP; g++) scores[t][g] = RunningSoftmax::scoreOf(dots[g], token + t < end, a.cap);
                Values::levelsOf(valueCodes, some + t, valueLevels, v[t]);
#pragma unroll
                for (int turn = 0; turn < TURNS; turn++)
#pragma unroll
                    for (int i = turn * RUN; i < (turn + 1) * RUN; i++) v[t][i] = valueScales[turn][t].x * v[t][i] + valueScales[turn][t].y;
            }
            softmax.weigh(scores, v);
        }
    }
}

// A block a KV head, split and part of its queries. Sums of coded values come out turned where values are.
KERNEL(attend, AttendArguments, THREADS) {
    SHARED(float, room, WARPS * GROUP * PARTIAL);
    SHARED(float, turned, HEAD_DIM);
    SHARED(float, levels, KEY_LEVELS + 16);
    int kvHead = blockIdx.x, split = blockIdx.y, head = kvHead * a.group + (int)blockIdx.z * GROUP, count = min(GROUP, a.group - (int)blockIdx.z * GROUP);
    int tokens = load(a.state.position) + a.state.row + 1, middle = middleOf(a.state.ends, load(a.state.promptMiddle), tokens);
    for (int i = threadIdx.x; i < KEY_LEVELS + 16; i += THREADS) {
#if KEY_KIND == 4
        levels[i] = i < KEY_LEVELS ? load(a.state.tiers.levels + i) : a.state.valueLevels.of[i - KEY_LEVELS];
#else
        levels[i] = i < KEY_LEVELS ? a.state.keyLevels.of[i] : a.state.valueLevels.of[i - KEY_LEVELS];
#endif
    }
    __syncthreads();
    RunningSoftmax softmax;
    softmax.begin();
    if (split == 0) {
        attendEnds(a, kvHead, head, count, tokens, middle, softmax);
    } else {
        constexpr int PASS = WARPS * ROWS * BATCH;
        int share = ((middle + a.splits - 2) / (a.splits - 1) + PASS - 1) / PASS * PASS, begin = (split - 1) * share, end = min(middle, begin + share);
        if (begin < end) attendCodes(a, kvHead, head, count, begin, end, turned, levels, (const float*)levels + KEY_LEVELS, softmax);
    }
    softmax.finish(room, a.partials + ((long long)head * a.splits + split) * PARTIAL, (long long)a.splits * PARTIAL, nullptr, count);
}
