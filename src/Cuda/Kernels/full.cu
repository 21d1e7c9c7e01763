// Full layers: rows of bf16 or f32 (ELEMENT_BYTES), [kvHeads, capacity, headDim], a position's at the position modulo the capacity.
#include "attention.cuh"
#include "elements.cuh"

struct FullArguments {
    // Of one token: [heads, headDim], [kvHeads, headDim].
    const float* queries;
    const float* keys;
    const float* values;
    float* attended;
    // [heads, splits, PARTIAL]; not used where there is one split.
    float* partials;
    // The position of the workspace's first token; row is how far on this one is.
    const int* position;
    Element* cachedKeys;
    Element* cachedValues;
    // Elements from a KV head to the next.
    long long headStride;
    int row, capacity, splits;
    // Query heads that share a KV head: the z-th block takes those from GROUP * z on.
    int group;
    float cap;
};

// A block a KV head, split and part of its queries. The block that has the newest token puts it in its place first.
KERNEL(attendFull, FullArguments, THREADS) {
    SHARED(float, room, WARPS * GROUP * PARTIAL);
    int kvHead = blockIdx.x, split = blockIdx.y, firstQuery = blockIdx.z * GROUP, count = min(GROUP, a.group - firstQuery);
    int token = load(a.position) + a.row, held = min(token + 1, a.capacity), slot = token % a.capacity;
    // Splits are whole passes of the block's warps, so that none but the last ends within one.
    int share = ((held + a.splits - 1) / a.splits + ROWS_PASS - 1) / ROWS_PASS * ROWS_PASS, begin = split * share, end = min(held, begin + share);
    Element* keys = a.cachedKeys + kvHead * a.headStride;
    Element* values = a.cachedValues + kvHead * a.headStride;
    if (slot >= begin && slot < end) {
        for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS) {
            store(keys + (long long)slot * HEAD_DIM + c, elementOf(load(a.keys + kvHead * HEAD_DIM + c)));
            store(values + (long long)slot * HEAD_DIM + c, elementOf(load(a.values + kvHead * HEAD_DIM + c)));
        }
        __syncthreads();
    }
    float queries[GROUP][OWN];
    int head = kvHead * a.group + firstQuery;
    readQueries(a.queries + (long long)head * HEAD_DIM, count, queries);
    RunningSoftmax softmax;
    softmax.begin();
    softmax.takeRows(queries, begin, end, a.cap, [&](int at) { return KeyAndValue<Element>{keys + (long long)at * HEAD_DIM, values + (long long)at * HEAD_DIM}; });
    softmax.finish(room, a.partials + ((long long)head * a.splits + split) * PARTIAL, (long long)a.splits * PARTIAL, a.splits == 1 ? a.attended + (long long)head * HEAD_DIM : nullptr, count);
}

struct FullStoreArguments {
    // [kvHeads, stride, headDim] of a prompt, on the card or pinned.
    const float* keys;
    const float* values;
    Element* cachedKeys;
    Element* cachedValues;
    long long stride, headStride;
    int first, capacity;
};

// A block a KV head and token.
KERNEL(storeFull, FullStoreArguments, 64) {
    int token = a.first + blockIdx.y;
    long long from = (blockIdx.x * a.stride + token) * HEAD_DIM, to = blockIdx.x * a.headStride + (long long)(token % a.capacity) * HEAD_DIM;
    for (int c = threadIdx.x; c < HEAD_DIM; c += 64) {
        store(a.cachedKeys + to + c, elementOf(load(a.keys + from + c)));
        store(a.cachedValues + to + c, elementOf(load(a.values + from + c)));
    }
}
