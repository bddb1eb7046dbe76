static int hipemu_attr(int a) {
    switch (a) {
        case 23:
            return 9; /*ComputeCapabilityMajor*/
        case 61:
            return 0; /*ComputeCapabilityMinor*/
        case 56:
            return 1024; /*MaxThreadsPerBlock*/
        case 26:
            return 1024; /*MaxBlockDimX*/
        case 27:
            return 1024; /*MaxBlockDimY*/
        case 28:
            return 64; /*MaxBlockDimZ*/
        case 29:
            return 2147483647; /*MaxGridDimX*/
        case 30:
            return 65535; /*MaxGridDimY*/
        case 31:
            return 65535; /*MaxGridDimZ*/
        case 63:
            return 4; /*MultiprocessorCount*/
        case 74:
            return 49152; /*MaxSharedMemoryPerBlock*/
        case 87:
            return 32; /*WarpSize*/
        case 57:
            return 2048; /*MaxThreadsPerMultiProcessor*/
        case 71:
            return 65536; /*MaxRegistersPerBlock*/
    }
    return 0;
}
