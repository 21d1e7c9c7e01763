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
    readQueries(a.queries + ((long long)row * a.heads + head) * HEAD_DIM, count, queries);
    RunningSoftmax softmax;
    softmax.begin();
    softmax.takeRows(queries, begin, end, a.cap, [&](int at) { return KeyAndValue<float>{keys + (long long)at * HEAD_DIM, values + (long long)at * HEAD_DIM}; });
    softmax.finish(room, nullptr, 0, a.attended + ((long long)row * a.heads + head) * HEAD_DIM, count);
}
