// Quantized layers, and evicted ones (EVICTED), which have fewer tokens, and may have exact rows (KEY_KIND 5): every query sees all there are.
#define VALUES_CODED (KEY_KIND != 5)
#define OTHER_ROWS (KEY_KIND == 5)
#include "windowed.cuh"

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

#if KEY_KIND == 5
__device__ __forceinline__ void attendMiddle(const AttendArguments& a, int kvHead, int head, int count, int begin, int end, float*, const float*, const float*, RunningSoftmax& softmax) {
    float queries[GROUP][OWN];
    readQueries(a.queries + (long long)head * HEAD_DIM, count, queries);
    softmax.takeRows(queries, begin, end, a.cap, [&](int token) { return besides(a.state, kvHead, token); });
}
#else
__device__ __forceinline__ void attendMiddle(const AttendArguments& a, int kvHead, int head, int count, int begin, int end, float* turned, const float* keyLevels, const float* valueLevels, RunningSoftmax& softmax) {
    float queries[GROUP][OWN];
#if KEY_KIND == 4
    Keys keys(a.state.keys, a.state.tiers, kvHead);
#endif
    meetQueries(a.state, a.queries, kvHead, head, count, turned, queries);
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
        MetQueries met;
        met.meet(keys, from, queries);
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
                met.score(keys, keyCodes, some + t, keyScales, t, queries, keyLevels, token + t < end, a.cap, scores[t]);
                Values::numbersOf(valueCodes, some + t, valueLevels, valueScales, t, v[t]);
            }
            softmax.weigh(scores, v);
        }
    }
}
#endif

// A block a KV head, split and part of its queries. Sums of coded values come out turned where values are.
KERNEL(attend, AttendArguments, THREADS) {
    SHARED(float, room, WARPS * GROUP * PARTIAL);
    SHARED(float, turned, HEAD_DIM);
    SHARED(float, levels, KEY_LEVELS + 16);
    int kvHead = blockIdx.x, split = blockIdx.y, head = kvHead * a.group + (int)blockIdx.z * GROUP, count = min(GROUP, a.group - (int)blockIdx.z * GROUP);
    int tokens = load(a.state.position) + a.state.row + 1, middle = middleOf(a.state.ends, load(a.state.promptMiddle), tokens);
    readLevels(a.state, levels);
    __syncthreads();
    RunningSoftmax softmax;
    softmax.begin();
    if (split == 0) {
        attendEnds(a.state, a.queries, a.cap, kvHead, head, count, tokens, middle, softmax);
    } else {
        constexpr int PASS = WARPS * ROWS * BATCH;
        int held = keptOf(a.state, middle), share = ((held + a.splits - 2) / (a.splits - 1) + PASS - 1) / PASS * PASS, begin = (split - 1) * share, end = min(held, begin + share);
        if (begin < end) attendMiddle(a, kvHead, head, count, begin, end, turned, levels, (const float*)levels + KEY_LEVELS, softmax);
    }
    softmax.finish(room, a.partials + ((long long)head * a.splits + split) * PARTIAL, (long long)a.splits * PARTIAL, nullptr, count);
}
