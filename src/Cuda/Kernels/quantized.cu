// Quantized layers: every query sees all codes.
#define VALUES_CODED 1
#define HOST_ROWS 0
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

__device__ __forceinline__ void attendCodes(const AttendArguments& a, int kvHead, int head, int count, int begin, int end, float* turned, const float* keyLevels, const float* valueLevels, RunningSoftmax& softmax) {
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
    readLevels(a.state, levels);
    __syncthreads();
    RunningSoftmax softmax;
    softmax.begin();
    if (split == 0) {
        attendEnds(a.state, a.queries, a.cap, kvHead, head, count, tokens, middle, softmax);
    } else {
        constexpr int PASS = WARPS * ROWS * BATCH;
        int share = ((middle + a.splits - 2) / (a.splits - 1) + PASS - 1) / PASS * PASS, begin = (split - 1) * share, end = min(middle, begin + share);
        if (begin < end) attendCodes(a, kvHead, head, count, begin, end, turned, levels, (const float*)levels + KEY_LEVELS, softmax);
    }
    softmax.finish(room, a.partials + ((long long)head * a.splits + split) * PARTIAL, (long long)a.splits * PARTIAL, nullptr, count);
}
