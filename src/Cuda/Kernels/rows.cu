// What is done to whole rows of hidden states and of heads: norms, gated units, rotary embeddings, soft caps of logits.
#include "prelude.cuh"

constexpr int THREADS = 256;

struct NormArguments {
    // [count, width]; added to first, where there is an addend.
    float* rows;
    const float* addend;
    const float* weight;
    // May be the rows.
    float* normed;
    int width;
    float addendScale, epsilon;
};

// A block a row: rows += addend * scale; normed = rows / rms * weight. Without a weight rows are only copied.
KERNEL(norm, NormArguments, THREADS) {
    SHARED(float, room, THREADS / WARP);
    float* rows = a.rows + (long long)blockIdx.x * a.width;
    float* normed = a.normed + (long long)blockIdx.x * a.width;
    float squares = 0;
    for (int i = threadIdx.x; i < a.width; i += THREADS) {
        float x = load(rows + i);
        if (a.addend != nullptr) {
            x += load(a.addend + (long long)blockIdx.x * a.width + i) * a.addendScale;
            store(rows + i, x);
        }
        squares += x * x;
    }
    float scale = 1 / sqrtf(blockSum<THREADS / WARP>(squares, room) / a.width + a.epsilon);
    for (int i = threadIdx.x; i < a.width; i += THREADS)
        store(normed + i, a.weight == nullptr ? load(rows + i) : load(rows + i) * scale * load(a.weight + i));
}

struct GateArguments {
    const float* gate;
    float* up;
    long long count;
    int gelu;
};

// up *= activation(gate): the gate times a sigmoid, of itself or of what approximates GELU.
KERNEL(gated, GateArguments, THREADS) {
    long long i = (long long)blockIdx.x * THREADS + threadIdx.x;
    if (i >= a.count) return;
    float gate = load(a.gate + i), x = a.gelu ? gate * (gate * gate * (0.044715f * 1.5957691f) + 1.5957691f) : gate;
    float exponential = expf(-fabsf(x));
    store(a.up + i, load(a.up + i) * gate * ((x < 0 ? exponential : 1) / (1 + exponential)));
}

struct Heads {
    // [count, heads, headDim].
    float* rows;
    // [headDim], or null.
    const float* norm;
    int heads;
    float scale;
};

struct RotateArguments {
    // Queries and keys; either may have no heads.
    Heads heads[2];
    // Radians a token, [pairs].
    const float* frequencies;
    // Of the first row's token.
    const int* position;
    int headDim, pairs, interleaved;
    float factor, epsilon;
};

constexpr int MOST = 16;

// A warp a head: normed where the model does so, turned by its position, scaled. Channel i pairs with channel i + pairs in what comes out, however the pairs came in.
KERNEL(rotate, RotateArguments, 4 * WARP) {
    int lane = threadIdx.x % WARP, head = blockIdx.x * 4 + threadIdx.x / WARP;
    int which = head >= a.heads[0].heads;
    const Heads& all = a.heads[which];
    if (which) head -= a.heads[0].heads;
    if (head >= all.heads) return;
    float* row = all.rows + ((long long)blockIdx.y * all.heads + head) * a.headDim;
    int position = load(a.position) + blockIdx.y;
    // Channel c of a lane's round i is i * 32 + lane.
    float squares = 0;
    if (all.norm != nullptr)
        for (int c = lane; c < a.headDim; c += WARP) squares += load(row + c) * load(row + c);
    float scale = all.norm == nullptr ? 1 : 1 / sqrtf(warpSum(squares) / a.headDim + a.epsilon);
    float x[MOST], y[MOST];
#pragma unroll
    for (int i = 0; i < MOST; i++) {
        int pair = i * WARP + lane;
        if (pair >= a.pairs) continue;
        int c = a.interleaved ? 2 * pair : pair, d = a.interleaved ? 2 * pair + 1 : pair + a.pairs;
        x[i] = load(row + c) * scale;
        y[i] = load(row + d) * scale;
        if (all.norm != nullptr) { x[i] *= load(all.norm + c); y[i] *= load(all.norm + d); }
    }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < MOST; i++) {
        int pair = i * WARP + lane;
        if (pair >= a.pairs) continue;
        float angle = position * load(a.frequencies + pair), sine = sinf(angle) * a.factor, cosine = cosf(angle) * a.factor;
        store(row + pair, (x[i] * cosine - y[i] * sine) * all.scale);
        store(row + pair + a.pairs, (y[i] * cosine + x[i] * sine) * all.scale);
    }
    for (int c = 2 * a.pairs + lane; c < a.headDim; c += WARP)
        store(row + c, load(row + c) * scale * (all.norm == nullptr ? 1 : load(all.norm + c)) * all.scale);
}

struct LogitArguments {
    float* logits;
    long long count;
    float scale, cap;
};

KERNEL(capLogits, LogitArguments, THREADS) {
    long long i = (long long)blockIdx.x * THREADS + threadIdx.x;
    if (i < a.count) store(a.logits + i, softCap(load(a.logits + i) * a.scale, a.cap));
}

struct StoreArguments {
    const float* keys;
    const float* values;
    // [kvHeads, stride, headDim].
    float* allKeys;
    float* allValues;
    long long stride;
    int first, kvHeads, headDim;
};

// Keys and values of a chunk among those of the prompt: a block a token and KV head.
KERNEL(storePrompt, StoreArguments, 64) {
    long long from = ((long long)blockIdx.y * a.kvHeads + blockIdx.x) * a.headDim, to = (blockIdx.x * a.stride + a.first + blockIdx.y) * a.headDim;
    for (int c = threadIdx.x; c < a.headDim; c += 64) {
        store(a.allKeys + to + c, load(a.keys + from + c));
        store(a.allValues + to + c, load(a.values + from + c));
    }
}
