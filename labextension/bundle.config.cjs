// Modules are numbered in the order of use. By default their numbers are drawn from a hash, and which of
// them collide depends on the folder that is built in: one in twenty-five gave another bundle.
module.exports = { optimization: { moduleIds: 'natural', chunkIds: 'natural' } };
