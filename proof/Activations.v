(* F5, the slopes: sigma and tanh on R, their ranges, derivatives and monotone slopes, and how far they can move when
   their argument does, also where it may have either sign. Function names are those of conformance/tolerance/rounding.py. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

Definition sigma (x : R) : R := / (1 + exp (- x)).
Definition dsig (x : R) : R := sigma x * (1 - sigma x).
Definition dtanh (x : R) : R := 1 - tanh x * tanh x.
(* rounding.sigmoid_slope and rounding.tanh_slope, in their form without cancellation *)
Definition sigmoid_slope (a : R) : R := exp (- Rabs a) / ((1 + exp (- Rabs a)) * (1 + exp (- Rabs a))).
Definition tanh_slope (a : R) : R := 4 * sigmoid_slope (2 * a).

Lemma sigma_range x : 0 < sigma x < 1.
Proof.
  unfold sigma. pose proof (exp_pos (- x)) as Hp. split.
  - apply Rinv_0_lt_compat; lra.
  - rewrite <- Rinv_1. apply Rinv_lt_contravar; lra.
Qed.

Lemma sigma_neg x : sigma (- x) = 1 - sigma x.
Proof.
  unfold sigma. rewrite Ropp_involutive.
  pose proof (exp_pos x) as Hx.
  rewrite (exp_Ropp x). field. split; lra.
Qed.

Lemma is_derive_sigma x : is_derive sigma x (dsig x).
Proof.
  unfold dsig, sigma. pose proof (exp_pos (- x)) as Hp.
  auto_derive. lra. field. lra.
Qed.

Lemma tanh_sigma x : tanh x = 2 * sigma (2 * x) - 1.
Proof.
  unfold tanh, sinh, cosh, sigma.
  replace (- (2 * x)) with (- x + - x) by ring. rewrite exp_plus, exp_Ropp.
  pose proof (exp_pos x) as Hx. field.
  assert (0 < exp x * exp x) by nra.
  repeat split; try lra; nra.
Qed.

Lemma tanh_range x : -1 < tanh x < 1.
Proof. rewrite tanh_sigma. pose proof (sigma_range (2 * x)). lra. Qed.

Lemma dtanh_dsig x : dtanh x = 4 * dsig (2 * x).
Proof. unfold dtanh, dsig. rewrite tanh_sigma. ring. Qed.

Lemma is_derive_tanh x : is_derive tanh x (dtanh x).
Proof.
  apply (is_derive_ext (fun x => 2 * sigma (2 * x) - 1)).
  - intros; symmetry; apply tanh_sigma.
  - rewrite dtanh_dsig. unfold dsig, sigma. pose proof (exp_pos (- (2 * x))) as Hp.
    auto_derive. lra. field. lra.
Qed.

Lemma dsig_even x : dsig (- x) = dsig x.
Proof. unfold dsig. rewrite sigma_neg. ring. Qed.
Lemma dtanh_even x : dtanh (- x) = dtanh x.
Proof. rewrite !dtanh_dsig. replace (2 * - x) with (- (2 * x)) by ring. now rewrite dsig_even. Qed.

Lemma sigma_incr x y : x <= y -> sigma x <= sigma y.
Proof.
  intros H. unfold sigma. pose proof (exp_pos (- y)).
  apply Rinv_le_contravar; [lra|].
  destruct (Rle_lt_or_eq_dec _ _ H) as [Hl|He].
  - apply Rplus_le_compat_l, Rlt_le, exp_increasing; lra.
  - subst; lra.
Qed.

Lemma sigma_0 : sigma 0 = / 2.
Proof. unfold sigma. rewrite Ropp_0, exp_0. f_equal; lra. Qed.

Lemma dsig_decr x y : 0 <= x -> x <= y -> dsig y <= dsig x.
Proof.
  intros H0 H. unfold dsig. pose proof (sigma_incr _ _ H). pose proof (sigma_incr _ _ H0).
  rewrite sigma_0 in *. nra.
Qed.
Lemma dtanh_decr x y : 0 <= x -> x <= y -> dtanh y <= dtanh x.
Proof. intros H0 H. rewrite !dtanh_dsig. pose proof (dsig_decr (2*x) (2*y)). lra. Qed.

Lemma dsig_abs x : dsig x = dsig (Rabs x).
Proof. unfold Rabs. destruct (Rcase_abs x); [now rewrite dsig_even|reflexivity]. Qed.
Lemma dsig_pos x : 0 < dsig x.
Proof. unfold dsig. pose proof (sigma_range x). pose proof (Rle_0_sqr (sigma x - / 2)) as Hq. unfold Rsqr in Hq. nra.
  Qed.
Lemma dsig_le_quarter x : dsig x <= / 4.
Proof. unfold dsig. pose proof (sigma_range x). pose proof (Rle_0_sqr (sigma x - / 2)) as Hq. unfold Rsqr in Hq. nra.
  Qed.
Lemma dtanh_pos x : 0 < dtanh x.
Proof. rewrite dtanh_dsig. pose proof (dsig_pos (2*x)). lra. Qed.
Lemma dtanh_le_1 x : dtanh x <= 1.
Proof. rewrite dtanh_dsig. pose proof (dsig_le_quarter (2*x)). lra. Qed.

(* these are the derivatives *)
Lemma sigmoid_slope_ok a : sigmoid_slope a = dsig a.
Proof.
  rewrite dsig_abs. unfold sigmoid_slope, dsig, sigma.
  pose proof (exp_pos (- Rabs a)). field. lra.
Qed.
Lemma tanh_slope_ok a : tanh_slope a = dtanh a.
Proof. unfold tanh_slope. now rewrite sigmoid_slope_ok, dtanh_dsig. Qed.

(* rounding._nearest_to_zero *)
Definition nearest_to_zero (a da : R) : R := Rmax (Rabs a - da) 0.

(* the mean value theorem over all the arguments that are possible, also when 0 lies among them *)
Theorem sigma_encl a ah da :
  Rabs (ah - a) <= da -> Rabs (sigma ah - sigma a) <= dsig (nearest_to_zero a da) * da.
Proof.
  intros H.
  destruct (MVT_gen sigma a ah dsig) as [xi [Hxi Heq]].
  - intros; apply is_derive_sigma.
  - intros x _. apply continuity_pt_filterlim. apply (ex_derive_continuous sigma x). exists (dsig x); apply
    is_derive_sigma.
  - rewrite Heq, Rabs_mult.
    assert (Hlo : nearest_to_zero a da <= Rabs xi).
    { unfold nearest_to_zero. apply Rmax_lub; [|apply Rabs_pos].
      assert (Rabs (xi - a) <= da).
      { revert Hxi H. unfold Rmin, Rmax. destruct (Rle_dec a ah); unfold Rabs;
          destruct (Rcase_abs (ah - a)); destruct (Rcase_abs (xi - a)); lra. }
      pose proof (Rabs_triang_inv a (a - xi)) as T.
      replace (a - (a - xi)) with xi in T by ring.
      rewrite (Rabs_minus_sym a xi) in T. lra. }
    rewrite (dsig_abs xi).
    assert (H0 : 0 <= nearest_to_zero a da) by apply Rmax_r.
    pose proof (dsig_decr _ _ H0 Hlo). pose proof (dsig_pos (Rabs xi)).
    rewrite (Rabs_pos_eq (dsig (Rabs xi))) by lra.
    apply Rmult_le_compat; try lra. apply Rabs_pos.
Qed.

Theorem tanh_encl a ah da :
  Rabs (ah - a) <= da -> Rabs (tanh ah - tanh a) <= dtanh (nearest_to_zero a da) * da.
Proof.
  intros H. rewrite !tanh_sigma, dtanh_dsig.
  replace (2 * sigma (2 * ah) - 1 - (2 * sigma (2 * a) - 1)) with (2 * (sigma (2*ah) - sigma (2*a))) by ring.
  rewrite Rabs_mult, (Rabs_pos_eq 2) by lra.
  assert (H2 : Rabs (2*ah - 2*a) <= 2*da).
  { replace (2*ah-2*a) with (2*(ah-a)) by ring. rewrite Rabs_mult, (Rabs_pos_eq 2); lra. }
  pose proof (sigma_encl _ _ _ H2) as HE.
  replace (nearest_to_zero (2*a) (2*da)) with (2 * nearest_to_zero a da) in HE. lra.
  unfold nearest_to_zero. rewrite Rabs_mult, (Rabs_pos_eq 2) by lra.
  rewrite <- RmaxRmult by lra. f_equal; ring.
Qed.

(* why F5 may stop at 2 *)
Lemma sigma_cap a b : Rabs (sigma a - sigma b) <= 2.
Proof. pose proof (sigma_range a). pose proof (sigma_range b). apply Rabs_le; lra. Qed.
Lemma tanh_cap a b : Rabs (tanh a - tanh b) <= 2.
Proof. pose proof (tanh_range a). pose proof (tanh_range b). apply Rabs_le; lra. Qed.
