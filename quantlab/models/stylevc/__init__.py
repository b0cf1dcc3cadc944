"""StyleVC: content, speaker, emotion and pitch of speech, taken apart and put together again.

A clean implementation after "Disentanglement of Emotional Style and Speaker Identity for Expressive
Voice Conversion" (Du, Sisman, Zhou, Li 2022, arXiv 2110.10326) and VQMIVC (Wang et al. 2021, arXiv
2106.10132). Known defects of the public code are corrected; each has a switch that brings it back.
Public names are in `quantlab.models`.
"""
