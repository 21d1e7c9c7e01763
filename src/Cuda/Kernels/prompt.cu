// Exact causal attention of a prompt's chunk: a block for each token, KV head and part of its queries.
#include "attention.cuh"

struct PromptArguments {
    // [count, heads, headDim].
    const float* queries;
    float* attended;
    // [kvHeads, stride, headDim], on the card or pinned.
    const float* keys;
    const float* values;
    long long stride;
    // The chunk's first position; the newest tokens that a query sees, its own among them.
    int first, window, group, heads;
    float cap;
};

KERNEL(attendPrompt, PromptArguments, THREADS) {
    SHARED(float, room, WARPS * GROUP * PARTIAL);
    int kvHead = blockIdx.x, row = blockIdx.y, head = kvHead * a.group + (int)blockIdx.z * GROUP, count = min(GROUP, a.group - (int)blockIdx.z * GROUP);
    int end = a.first + row + 1, begin = max(0, end - a.window);
    const float* keys = a.keys + kvHead * a.stride * HEAD_DIM;
    const float* values = a.values + kvHead * a.stride * HEAD_DIM;
    float queries[GROUP][OWN];
#pragma unroll
    for (int g = 0; g < GROUP; g++) readRow(a.queries + ((long long)row * a.heads + head + min(g, count - 1)) * HEAD_DIM, queries[g]);
    RunningSoftmax softmax;
    softmax.begin();
    for (int first = begin + (int)(threadIdx.x / WARP) * ROWS * AHEAD; first < end; first += WARPS * ROWS * AHEAD) {
        float k[AHEAD][OWN], v[AHEAD][OWN];
        bool there[AHEAD];
#pragma unroll
        for (int t = 0; t < AHEAD; t++) {
            int at = first + t * ROWS + (int)(threadIdx.x % WARP) / LANES;
            there[t] = at < end;
            readRow(keys + (long long)min(at, end - 1) * HEAD_DIM, k[t]);
            readRow(values + (long long)min(at, end - 1) * HEAD_DIM, v[t]);
        }
        softmax.take(queries, k, v, there, a.cap);
    }
    softmax.finish(room, nullptr, 0, a.attended + ((long long)row * a.heads + head) * HEAD_DIM, count);
}
