// Products of 1 to 16 rows of input with matrices as they are stored. A warp makes some outputs of all rows; weights are read once, decoded in registers and met by every row.
#include "weights.cuh"

constexpr int WARPS = 4;

struct Output {
    Matrix matrix;
    const float* bias;
    float* to;
    int rows;
};

struct ProductArguments {
    // Matrices of one type and as many columns, done in one launch; those that are not there have no rows.
    Output outputs[3];
    const float* input;
    int columns;
    // Rows of input.
    int count;
    // What products are multiplied with before they are added to what there is; 0: they take its place.
    float added;
};

template <int INPUTS> __device__ __forceinline__ void product(const ProductArguments& a) {
    // Rows of a matrix that a warp does at once: more share what is read of the input.
    constexpr int ROWS = INPUTS == 8 ? 4 : 2;
    int lane = threadIdx.x % WARP, task = blockIdx.x * WARPS + threadIdx.x / WARP, which = 0;
    while (which < 2 && task >= (a.outputs[which].rows + ROWS - 1) / ROWS) task -= (a.outputs[which++].rows + ROWS - 1) / ROWS;
    const Output& output = a.outputs[which];
    int first = task * ROWS, row0 = blockIdx.y * INPUTS;
    if (first >= output.rows) return;
    float sums[ROWS][INPUTS];
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int n = 0; n < INPUTS; n++) sums[r][n] = 0;
    int pieces = a.columns / PIECE;
    for (int piece = lane; piece < pieces; piece += WARP) {
        Piece parts[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) parts[r] = readPiece(output.matrix, min(first + r, output.rows - 1), piece, a.columns);
#pragma unroll
        for (int i = 0; i < PIECE; i += 4) {
            float4 w[ROWS];
#pragma unroll
            for (int r = 0; r < ROWS; r++) w[r] = fourOf(parts[r], i);
            const float* at = a.input + pieceColumn(piece, i);
#pragma unroll
            for (int n = 0; n < INPUTS; n++) {
                // Rows past the last are not there to be read; what comes of them is not kept.
                float4 x = load((const float4*)(at + (long long)min(row0 + n, a.count - 1) * a.columns));
#pragma unroll
                for (int r = 0; r < ROWS; r++) sums[r][n] += w[r].x * x.x + w[r].y * x.y + w[r].z * x.z + w[r].w * x.w;
            }
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int n = 0; n < INPUTS; n++) {
            float sum = warpSum(sums[r][n]);
            if (lane != 0 || first + r >= output.rows || row0 + n >= a.count) continue;
            if (output.bias != nullptr) sum += load(output.bias + first + r);
            float* to = output.to + (long long)(row0 + n) * output.rows + first + r;
            store(to, a.added == 0 ? sum : load(to) + a.added * sum);
        }
    }
}

KERNEL(product1, ProductArguments, WARPS * WARP) { product<1>(a); }
KERNEL(product2, ProductArguments, WARPS * WARP) { product<2>(a); }
KERNEL(product4, ProductArguments, WARPS * WARP) { product<4>(a); }
KERNEL(product8, ProductArguments, WARPS * WARP) { product<8>(a); }
KERNEL(product16, ProductArguments, WARPS * WARP) { product<16>(a); }

struct EmbedArguments {
    Matrix matrix;
    const int* tokens;
    float* hidden;
    int columns;
    float scale;
};

// A block a token: its row of the embedding, decoded and scaled.
KERNEL(embed, EmbedArguments, WARPS * WARP) {
    int token = load(a.tokens + blockIdx.x);
    float* hidden = a.hidden + (long long)blockIdx.x * a.columns;
    for (int piece = threadIdx.x; piece < a.columns / PIECE; piece += WARPS * WARP) {
        Piece p = readPiece(a.matrix, token, piece, a.columns);
#pragma unroll
        for (int i = 0; i < PIECE; i += 4) {
            float4 w = fourOf(p, i);
            store((float4*)(hidden + pieceColumn(piece, i)), make_float4(w.x * a.scale, w.y * a.scale, w.z * a.scale, w.w * a.scale));
        }
    }
}
